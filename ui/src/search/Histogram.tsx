/** Lines over time, stacked by level; dragging zooms, levels in the legend filter. */

import { useEffect, useRef, useState } from 'preact/hooks';
import type { Bar } from '../api/metrics';
import { compact, day, clock, number, t } from '../i18n';
import { LETTERS, LEVELS } from '../levels';
import { totalOf } from '../api/metrics';
import { filterBy, zoomTo } from './actions';
import { bars, barsFailure, counts, loading, ran } from './store';

const HEIGHT = 84;

export function Histogram() {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [hover, setHover] = useState(-1);
  const [drag, setDrag] = useState<[number, number] | null>(null);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
    if (box.current) observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  const all = bars.value;
  const { span } = ran.value;
  const first = all?.bars[0]?.start ?? span.start;
  const length = Math.max(1, (all?.bars.length ?? 1) * (all?.step ?? 1));
  const xOf = (ms: number) => ((ms - first) / length) * width;
  const msOf = (x: number) => first + (x / Math.max(1, width)) * length;
  const xIn = (event: PointerEvent) => Math.min(width, Math.max(0, event.clientX - (box.current?.getBoundingClientRect().left ?? 0)));
  const highest = Math.max(1, ...(all?.bars ?? []).map((bar) => bar.total));
  const end = () => {
    if (drag && Math.abs(drag[1] - drag[0]) > 4) zoomTo(msOf(Math.min(...drag)), msOf(Math.max(...drag)));
    else if (drag && all?.bars[hover]) zoomTo(all.bars[hover].start, all.bars[hover].start + all.step);
    setDrag(null);
  };
  const total = counts.value ? totalOf(counts.value) : null;
  return (
    <section class="histogram" aria-label={t('chart.label', { total: total ?? 0 })} data-busy={loading.value === 'first'}>
      <Legend />
      {barsFailure.value !== null && <p class="note">{t('chart.failed', { why: barsFailure.value })}</p>}
      <div
        ref={box}
        class="bars"
        onPointerDown={(event) => {
          if (event.button !== 0 || !all) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          setDrag([xIn(event), xIn(event)]);
        }}
        onPointerMove={(event) => {
          const x = xIn(event);
          setHover(all ? Math.floor((msOf(x) - first) / all.step) : -1);
          if (drag) setDrag([drag[0], x]);
        }}
        onPointerLeave={() => setHover(-1)}
        onPointerUp={end}
        onPointerCancel={() => setDrag(null)}
      >
        <svg width={width} height={HEIGHT} role="img" aria-label={t('chart.label', { total: total ?? 0 })}>
          {all?.bars.map((bar, i) => <Column key={bar.start} bar={bar} x={xOf(bar.start)} width={Math.max(1, (all.step / length) * width - 1)} highest={highest} isHovered={i === hover} />)}
          {drag && <rect class="drag" x={Math.min(...drag)} width={Math.abs(drag[1] - drag[0])} y={0} height={HEIGHT} />}
        </svg>
        {all && total !== 0 && <span class="bars-top">{compact(highest)}</span>}
        {all?.bars[hover] && !drag && <Tip bar={all.bars[hover]} step={all.step} left={xOf(all.bars[hover].start)} width={width} />}
      </div>
      <Axis first={first} last={first + length} isShown={all !== null} />
    </section>
  );
}

function Column({ bar, x, width, highest, isHovered }: { bar: Bar; x: number; width: number; highest: number; isHovered: boolean }) {
  // The worst is at the foot, where it lines up from bar to bar.
  let y = HEIGHT;
  return (
    <g data-hover={isHovered}>
      <rect class="bar-back" x={x} y={0} width={width + 1} height={HEIGHT} />
      {LEVELS.map((level) => {
        const count = bar.counts[level];
        if (!count) return null;
        const height = Math.max(1.5, (count / highest) * (HEIGHT - 4));
        y -= height;
        return <rect key={level} class={`level-${level}`} x={x} y={y} width={width} height={height} />;
      })}
    </g>
  );
}

function Tip({ bar, step, left, width }: { bar: Bar; step: number; left: number; width: number }) {
  const end = bar.start + step;
  return (
    <div class="tip" style={left > width / 2 ? { right: `${width - left + 8}px` } : { left: `${left + 16}px` }}>
      <strong>
        {clock(bar.start).slice(0, 8)} – {clock(end).slice(0, 8)}
      </strong>
      {LEVELS.filter((level) => bar.counts[level]).map((level) => (
        <div key={level}>
          <i class={`dot level-${level}`} /> {t(`level.${level}`)} <b>{number(bar.counts[level] ?? 0)}</b>
        </div>
      ))}
      {bar.total === 0 && <div>0</div>}
    </div>
  );
}

function Axis({ first, last, isShown }: { first: number; last: number; isShown: boolean }) {
  if (!isShown) return <div class="axis" />;
  const isLong = last - first > 86_400_000;
  const label = (ms: number) => (isLong ? `${day(ms).slice(5)} ${clock(ms).slice(0, 5)}` : clock(ms).slice(0, last - first < 600_000 ? 8 : 5));
  return (
    <div class="axis" aria-hidden="true">
      {[0, 0.25, 0.5, 0.75, 1].map((part) => <span key={part}>{label(first + (last - first) * part)}</span>)}
    </div>
  );
}

function Legend() {
  const found = counts.value;
  if (!found) return <div class="legend" />;
  const total = totalOf(found);
  return (
    <div class="legend">
      <strong class="total">{total === 1 ? t('list.count.one') : t('list.count', { count: total })}</strong>
      {LEVELS.filter((level) => found[level]).map((level) => (
        <button key={level} type="button" class="level-chip" title={t('level.only', { level: t(`level.${level}`) })} onClick={() => filterBy('metadata', 'detected_level', '=', level)}>
          <i class={`badge level-${level}`}>{LETTERS[level]}</i>
          {t(`level.${level}`)} <b>{compact(found[level] ?? 0)}</b>
        </button>
      ))}
    </div>
  );
}
