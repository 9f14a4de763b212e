/** A metric query as lines over time, with the last values below; the drawing is loaded when needed. */

import { useEffect, useRef, useState } from 'preact/hooks';
import type { Series } from '../api/metrics';
import { number, t } from '../i18n';
import { hintText } from '../i18n/hints';
import { visible } from '../parts/text';
import { theme } from '../state/settings';
import { wider, zoomTo } from './actions';
import { hint } from './store';

/** More lines than this are no chart. */
const SERIES_SHOWN = 30;
const ROWS_SHOWN = 200;

export function nameOf({ labels }: Series): string {
  const names = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return names.length ? names.join(' ') : '{}';
}

const last = (s: Series) => s.points.at(-1)?.[1] ?? 0;
const highest = (s: Series) => s.points.reduce((max, [, value]) => Math.max(max, value), -Infinity);
const mean = (s: Series) => s.points.reduce((sum, [, value]) => sum + value, 0) / Math.max(1, s.points.length);

export function MetricChart({ series }: { series: Series[] }) {
  const box = useRef<HTMLDivElement>(null);
  const [isolated, isolate] = useState<string | null>(null);
  const sorted = series.toSorted((a, b) => mean(b) - mean(a));
  const shown = (isolated === null ? sorted : sorted.filter((s) => nameOf(s) === isolated)).slice(0, SERIES_SHOWN);
  useEffect(() => {
    let destroy = () => undefined as void;
    let isGone = false;
    void import('./draw').then(({ draw }) => {
      if (!isGone && box.current) destroy = draw(box.current, shown.map((s) => ({ name: nameOf(s), points: s.points, colour: sorted.indexOf(s) % 10 })), zoomTo);
    });
    return () => {
      isGone = true;
      destroy();
    };
  }, [series, isolated, theme.value]);
  if (!series.length) {
    return (
      <div class="state" role="status">
        <h2>{t('empty.series')}</h2>
        {hint.value && <p class="why">{hintText(hint.value)}</p>}
        <div class="ways">
          <button type="button" onClick={wider}>
            {t('time.out')}
          </button>
        </div>
      </div>
    );
  }
  return (
    <div class="metric" role="region" aria-label={t('metric.table')} tabIndex={0}>
      <div class="metric-chart" ref={box} role="img" aria-label={t('metric.series', { count: series.length })} />
      {series.length > SERIES_SHOWN && isolated === null && <p class="note">{t('metric.more', { count: series.length - SERIES_SHOWN })}</p>}
      <table class="metric-table">
        <thead>
          <tr>
            <th scope="col">{t('metric.series', { count: series.length })}</th>
            <th scope="col">{t('metric.last')}</th>
            <th scope="col">{t('metric.mean')}</th>
            <th scope="col">{t('metric.highest')}</th>
          </tr>
        </thead>
        <tbody>
          {sorted.slice(0, ROWS_SHOWN).map((s, i) => (
            <tr key={nameOf(s)}>
              <th scope="row">
                <button type="button" aria-pressed={isolated === nameOf(s)} onClick={() => isolate(isolated === nameOf(s) ? null : nameOf(s))}>
                  <i class={`dot series-${i % 10}`} /> {visible(nameOf(s))}
                </button>
              </th>
              <td>{number(last(s))}</td>
              <td>{number(mean(s))}</td>
              <td>{number(highest(s))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
