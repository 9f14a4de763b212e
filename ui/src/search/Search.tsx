/** Search: query, histogram, fields and lines of one range; each loads and fails on its own. */

import { useEffect } from 'preact/hooks';
import { t } from '../i18n';
import { place, runs } from '../state/place';
import { sidebar } from '../state/settings';
import { Changes } from './Changes';
import { FieldChart } from './FieldChart';
import { Fields } from './Fields';
import { Histogram } from './Histogram';
import { Lines } from './Lines';
import { Linked } from './Linked';
import { MetricChart } from './MetricChart';
import { Patterns } from './Patterns';
import { QueryBar } from './QueryBar';
import { forget } from './selection';
import { Empty, Failed, Waiting } from './States';
import { failure, hasBegun, loading, ran, rows, run, series, stop, warnings } from './store';
import { endTail, tail, arrived, errors } from './tail';
import { Toolbar } from './Toolbar';

export function Search() {
  useEffect(() => {
    endTail();
    forget();
    if (!hasBegun(runs.value)) void run();
  }, [runs.value]);
  useEffect(() => endTail, []);
  const isMetric = series.value !== null;
  const isRefused = failure.value?.trouble === 'refused' && rows.value.length === 0 && !isMetric;
  const hasFields = sidebar.value === 'on' && !isMetric && (rows.value.length > 0 || loading.value === 'first');
  return (
    <main class="search" data-sidebar={hasFields}>
      <QueryBar />
      {!isMetric && !isRefused && <Histogram />}
      {!isRefused && <Toolbar />}
      {warnings.value.length > 0 && (
        <p class="note warning" role="alert">
          {t('list.partial', { why: warnings.value.join('; ') })}
        </p>
      )}
      <Linked />
      <div class="search-body">
        {hasFields && <Fields />}
        <Content />
      </div>
      <TailSummary />
    </main>
  );
}

function Content() {
  const isLoading = loading.value === 'first';
  const hasSomething = rows.value.length > 0 || series.value !== null;
  const { show } = place.value;
  const isSummed = series.value === null && !failure.value && tail.value === 'off' && ran.value.query !== '';
  const hasChanges = show === 'changes' && isSummed;
  const hasPatterns = show === 'patterns' && isSummed && (rows.value.length > 0 || isLoading);
  const hasChart = show === 'chart' && isSummed && (rows.value.length > 0 || isLoading);
  const isOther = hasChanges || hasPatterns || hasChart;
  // Why a query was refused is said below it.
  const isRefused = failure.value?.trouble === 'refused';
  if (failure.value && !hasSomething) return isRefused ? null : <Failed failure={failure.value} />;
  return (
    <div class="content" data-busy={isLoading}>
      {failure.value && !isRefused && <Failed failure={failure.value} />}
      {series.value !== null && <MetricChart series={series.value} />}
      {hasChanges && <Changes />}
      {hasPatterns && <Patterns />}
      {hasChart && <FieldChart />}
      {series.value === null && rows.value.length > 0 && !isOther && <Lines />}
      {!hasSomething && isLoading && !isOther && <Waiting stop={stop} />}
      {!hasSomething && !isLoading && tail.value !== 'off' && (
        <div class="state" role="status">
          {t('tail.waiting')}
        </div>
      )}
      {!hasSomething && !isLoading && tail.value === 'off' && !failure.value && !isOther && <Empty key={`${place.value.query}${runs.value}`} />}
    </div>
  );
}

const SUMMARY_MS = 10_000;

/** Live lines are not read aloud one by one; every ten seconds their number is. */
function TailSummary() {
  const isOn = tail.value === 'on';
  useEffect(() => {
    if (!isOn) return;
    let lines = arrived.value;
    let bad = errors.value;
    const say = () => {
      const element = document.querySelector('#tail-summary');
      if (element && arrived.value > lines) element.textContent = t('tail.summary', { count: arrived.value - lines, errors: errors.value - bad });
      lines = arrived.value;
      bad = errors.value;
    };
    const timer = setInterval(say, SUMMARY_MS);
    return () => clearInterval(timer);
  }, [isOn]);
  return <p id="tail-summary" class="offscreen" role="status" aria-live="polite" />;
}
