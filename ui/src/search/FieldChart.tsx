/** Lines counted over time by the values of a field: a chart of what the list shows. */

import { useEffect, useState } from 'preact/hooks';
import { queryRange, type Field, type Series } from '../api/metrics';
import { t } from '../i18n';
import { visible } from '../parts/text';
import { note, place } from '../state/place';
import { histogramStep } from '../time/range';
import { search } from './actions';
import { MetricChart } from './MetricChart';
import { failureOf, fields, ran } from './store';

/** Values drawn at each time: those with most lines. */
const VALUES = 12;
const POINTS = 120;

const LEVEL = 'detected_level';

/** The metric query that counts lines by a field. */
export function chartQuery(query: string, name: string, known: Field[], step: number): string {
  const source = known.find((field) => field.name === name)?.source;
  const isParsed = source === 'json' || source === 'logfmt';
  const piped = isParsed ? `${query} | ${source}` : query;
  return `topk(${VALUES}, sum by (${name}) (count_over_time(${piped} [${step}s])))`;
}

export function FieldChart() {
  const [series, setSeries] = useState<Series[] | null>(null);
  const [trouble, setTrouble] = useState('');
  const { query, span } = ran.value;
  const name = place.value.by || LEVEL;
  const known = fields.value;
  const step = histogramStep(span, POINTS);
  useEffect(() => {
    // Which parser finds a field is known with the fields.
    if (known === null && name !== LEVEL) return;
    const aborter = new AbortController();
    setTrouble('');
    queryRange(chartQuery(query, name, known ?? [], step), span, step, aborter.signal).then(setSeries, (error: unknown) => {
      if (aborter.signal.aborted) return;
      setSeries(null);
      setTrouble(failureOf(error).message || t('error.gone'));
    });
    return () => aborter.abort();
  }, [query, span, name, known]);
  const names = [...new Set([LEVEL, ...(known ?? []).map((field) => field.name), name])];
  return (
    <section class="field-chart" aria-label={t('mode.chart')}>
      <div class="changes-head">
        <label class="choose">
          <span>{t('chart.by')}</span>
          <select value={name} onChange={(event) => note({ by: event.currentTarget.value })}>
            {names.map((each) => <option key={each} value={each}>{visible(each)}</option>)}
          </select>
        </label>
        <button type="button" class="quiet" onClick={() => search(chartQuery(query, name, known ?? [], step))}>
          {t('chart.query')}
        </button>
      </div>
      {trouble && <p class="note warning">{t('chart.failed', { why: trouble })}</p>}
      {!series && !trouble && <p class="state" role="status">{t('list.loading')}</p>}
      {series && <MetricChart series={series} />}
    </section>
  );
}
