/** The line that a link points at, when it is not among the first lines of its range. */

import { useEffect, useState } from 'preact/hooks';
import { fetchPage, keyOf, type Entry } from '../api/entries';
import { t } from '../i18n';
import { place } from '../state/place';
import { Detail } from './Detail';
import { RowView } from './RowView';
import { current, opened } from './selection';
import { isGap, loading, ran, rows } from './store';
import { zone } from '../state/settings';

export function Linked() {
  const { line } = place.value;
  const [found, setFound] = useState<Entry | 'missing' | null>(null);
  const isReady = loading.value === 'none' && ran.value.query !== '';
  useEffect(() => {
    setFound(null);
    if (!line || !isReady) return;
    const ns = line.split('-')[0];
    const index = rows.value.findIndex((row) => !isGap(row) && row.ns === ns && keyOf(row) === line);
    const row = rows.value[index];
    if (row) {
      current.value = index;
      opened.value = new Set([row.id]);
      return;
    }
    const aborter = new AbortController();
    void fetchLine(line, aborter.signal).then(setFound, () => undefined);
    return () => aborter.abort();
  }, [line, isReady]);
  if (!line || !found) return null;
  if (found === 'missing') return <p class="note warning">{t('line.unlinked')}</p>;
  return (
    <section class="linked" aria-label={t('line.linked')}>
      <h2>{t('line.linked')}</h2>
      <div role="treegrid" aria-label={t('line.linked')}>
        <RowView entry={found} index={-1} columns={[]} matcher={null} isCurrent isOpen isWrapped={false} isPretty={false} zone={zone.value} />
      </div>
      <Detail entry={found} matcher={null} />
    </section>
  );
}

/** The entry with a key: looked for among those of its nanosecond. */
async function fetchLine(key: string, aborted: AbortSignal): Promise<Entry | 'missing'> {
  const ns = key.split('-')[0] ?? '0';
  const end = (BigInt(ns) + 1n).toString();
  for (const query of [ran.value.query, '{}']) {
    const { entries } = await fetchPage({ query, start: ns, end, limit: 1000, forward: true }, aborted);
    const found = entries.find((entry) => keyOf(entry) === key);
    if (found) return found;
  }
  return 'missing';
}
