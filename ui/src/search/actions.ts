/** What clicks and keys do to the query and the range. */

import { withFilter, withLineFilter, type Source } from '../logql/edit';
import { go, note, place } from '../state/place';
import { resolve, shift, shortDuration, zoomOut, type Range } from '../time/range';
import { understand, type Pasted } from '../exchange/paste';
import { t } from '../i18n';
import { toast } from '../parts/toast';
import { identity } from '../api/http';
import { fetchLimits, limitMs } from '../api/storage';
import { draft } from './draft';
import { endTail, follow, isPaused, pause, resume, tail } from './tail';
import { forget } from './selection';
import { failure, ran, run } from './store';

export function search(query: string, range: Range = place.value.range) {
  draft.value = query;
  go({ view: 'search', query, range });
}

export function filterBy(source: Source, name: string, op: '=' | '!=', value: string) {
  const next = withFilter(place.value.query, source, name, op, value);
  if (next !== null) search(next);
}

export function filterLines(op: '|=' | '!=', text: string) {
  const next = withLineFilter(place.value.query, op, text);
  if (next !== null) search(next);
}

/** Only the lines of a template, or all others; back to the lines. */
export function filterPattern(op: '|>' | '!>', pattern: string) {
  const next = withLineFilter(place.value.query, op, pattern);
  if (next === null) return;
  note({ show: 'lines' });
  search(next);
}

export function flipChanges() {
  note({ show: place.value.show === 'changes' ? 'lines' : 'changes' });
}

/** The map stays one; all else leads to Search. */
export function setRange(range: Range) {
  go({ view: place.value.view === 'map' ? 'map' : 'search', range });
}

export function zoomTo(start: number, end: number) {
  setRange({ from: String(Math.round(start)), to: String(Math.round(end)) });
}

export const earlier = () => setRange(shift(place.value.range, -1));
export const later = () => setRange(shift(place.value.range, 1));
export const wider = () => setRange(zoomOut(place.value.range));

export function flipColumn(name: string) {
  const { columns } = place.value;
  note({ columns: columns.includes(name) ? columns.filter((c) => c !== name) : [...columns, name] });
}

/** What reaches back to the first entry anyone has. */
const EVERYTHING: Range = { from: 'now-3650d', to: 'now' };

/** An id is searched for in all that a query may reach. */
async function everything(): Promise<Range> {
  const longest = await fetchLimits().then((limits) => limitMs(limits.max_query_length), () => 0);
  return longest ? { from: `now-${shortDuration(longest - 60_000)}`, to: 'now' } : EVERYTHING;
}

/** Runs what was pasted, if it is more than words. */
export function openPasted(text: string): boolean {
  const pasted = understand(text);
  if (!pasted) return false;
  openFound(pasted);
  return true;
}

function openFound({ kind, query, range, tenant }: Pasted) {
  if (kind !== 'query') toast(t(`query.pasted.${kind}`));
  if (tenant) {
    identity.tenant = tenant;
    note({ tenant });
  }
  if (kind === 'id') void everything().then((all) => search(query, all));
  else search(query, range ?? place.value.range);
}

/** Starts the tail, or pauses and resumes it. */
export function flipTail() {
  if (tail.value === 'off') {
    void startTail();
  } else if (isPaused.value) resume();
  else pause();
}

/** What is not the shown query up to now is asked first, so that the tail has something to go on from. */
async function startTail() {
  const query = draft.value.trim() || '{}';
  if (query !== ran.value.query || place.value.range.to !== 'now' || ran.value.forward) {
    const range = place.value.range.to === 'now' ? place.value.range : { from: 'now-15m', to: 'now' };
    note({ query: draft.value, line: '', range });
    await run('newest');
    if (failure.value) return;
  }
  forget();
  follow(query);
}

export function stopTail() {
  endTail();
}

/** The address of the same view with fixed times, and of one line in it. */
export function fixedLink(line = ''): string {
  const { start, end } = resolve(place.value.range);
  const url = new URL(location.href);
  url.searchParams.set('query', place.value.query);
  url.searchParams.set('from', String(Math.round(start)));
  url.searchParams.set('to', String(Math.round(end)));
  if (line) url.searchParams.set('line', line);
  else url.searchParams.delete('line');
  return url.href;
}
