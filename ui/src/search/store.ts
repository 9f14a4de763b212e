/** What Search shows: pages of lines, counts, bars and fields of one query and range. */

import { batch, signal } from '@preact/signals';
import { fetchPage, spanNs, type Entry } from '../api/entries';
import { RequestError, type Trouble } from '../api/http';
import { fetchBars, fetchFields, fetchLevelCounts, queryRangeWithHint, type Bars, type Field, type LevelCounts, type Series } from '../api/metrics';
import { isLogQuery, selectorOf } from '../logql/edit';
import { order, remember } from '../state/settings';
import { place, runs } from '../state/place';
import { histogramStep, resolve, type Span } from '../time/range';

/** Few, so that the first lines are there at once. */
const FIRST_PAGE = 200;
const NEXT_PAGE = 1000;

/** Who has come far goes on in larger steps, as far as the server allows: one that refuses gets the small ones. */
let pageMax = 5000;

/** Rows beyond which browsers can't scroll exactly. */
export const ROWS_MAX = 400_000;

const BARS = 110;

export interface Failure {
  trouble: Trouble;
  message: string;
}

/** A row: an entry, or in a tail a gap of entries that came too fast. */
export interface Gap {
  id: number;
  gap: number;
  startNs: string;
  endNs: string;
  /** The server names no more than some: there may be others. */
  isLeast: boolean;
}

export type Row = Entry | Gap;

let gaps = 0;

export function makeGap(count: number, startNs: string, endNs: string, isLeast = false): Gap {
  return { id: --gaps, gap: count, startNs, endNs, isLeast };
}

export const isGap = (row: Row): row is Gap => 'gap' in row;

export type Loading = 'none' | 'first' | 'more';

/** What was run: not what is being typed. */
export const ran = signal<{ query: string; span: Span; forward: boolean }>({ query: '', span: { start: 0, end: 0 }, forward: false });
export const rows = signal<Row[]>([]);
export const loading = signal<Loading>('none');
export const failure = signal<Failure | null>(null);
export const moreFailure = signal<Failure | null>(null);
export const cursor = signal<string | null>(null);
export const hint = signal<string | null>(null);
export const warnings = signal<string[]>([]);
export const cost = signal<{ bytes: number; seconds: number } | null>(null);
export const bars = signal<Bars | null>(null);
export const barsFailure = signal<string | null>(null);
export const counts = signal<LevelCounts | null>(null);
export const fields = signal<Field[] | null>(null);
export const fieldsFailure = signal<string | null>(null);
/** Answers of a metric query. */
export const series = signal<Series[] | null>(null);

let running = new AbortController();

export function failureOf(error: unknown): Failure {
  return error instanceof RequestError ? { trouble: error.trouble, message: error.message } : { trouble: 'broken', message: String(error) };
}

/** Stops what is asked for; what is shown stays. */
export function stop() {
  running.abort();
  loading.value = 'none';
}

/** Runs the query of the place. */
export async function run(first: 'newest' | 'oldest' = order.value) {
  stop();
  running = new AbortController();
  const { signal: aborted } = running;
  const { query, range } = place.value;
  const span = resolve(range);
  const forward = first === 'oldest';
  const asked = query.trim() || '{}';
  batch(() => {
    ran.value = { query: asked, span, forward };
    loading.value = 'first';
    failure.value = moreFailure.value = null;
    barsFailure.value = fieldsFailure.value = null;
  });
  if (isLogQuery(asked)) await runLog(asked, span, forward, aborted);
  else await runMetric(asked, span, aborted);
}

/** The run that began before anything was drawn; -1 when there is none. */
let begun = -1;

/** Asks for the lines of a link at once: loading the page around them takes as long as the server does. */
export function beginSearch() {
  begun = runs.value;
  void run();
}

/** Whether this run is the one that began early; says so once. */
export function hasBegun(asked: number): boolean {
  const isThis = asked === begun;
  begun = -1;
  return isThis;
}

/** How long the parts beside the lines wait for these: on few cores they would take their time. */
const BESIDE_MS = 120;

const after = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** The parts beside the lines are asked for when these are there or take long, and never waited for. */
async function runLog(query: string, span: Span, forward: boolean, aborted: AbortSignal) {
  const page = fetchPage({ query, ...spanNs(span), limit: FIRST_PAGE, forward }, aborted);
  const noBars = (why: string) => {
    bars.value = null;
    barsFailure.value = why;
  };
  const noFields = (why: string) => {
    fields.value = [];
    fieldsFailure.value = why;
  };
  const beside = Promise.race([page.catch(() => undefined), after(BESIDE_MS)]).then(() => {
    if (aborted.aborted) return;
    fetchBars(query, span, BARS, aborted).then((found) => (bars.value = found), unless(aborted, noBars));
    fetchLevelCounts(query, span, aborted).then((found) => (counts.value = found), unless(aborted, () => (counts.value = null)));
  });
  try {
    const found = await page;
    if (aborted.aborted) return;
    batch(() => {
      series.value = null;
      rows.value = found.entries;
      cursor.value = found.cursor;
      hint.value = found.hint;
      warnings.value = found.warnings;
      cost.value = { bytes: found.bytes, seconds: found.seconds };
      loading.value = 'none';
    });
    remember(place.value.query);
    fetchFields(query, selectorOf(query), span, aborted).then((all) => (fields.value = all), unless(aborted, noFields));
  } catch (error) {
    if (!aborted.aborted) fail(error);
  }
  await beside;
}

async function runMetric(query: string, span: Span, aborted: AbortSignal) {
  try {
    const { found, hint: why } = await queryRangeWithHint(query, span, histogramStep(span, 240), aborted);
    if (aborted.aborted) return;
    batch(() => {
      rows.value = [];
      bars.value = counts.value = null;
      cursor.value = null;
      hint.value = why;
      cost.value = null;
      warnings.value = [];
      series.value = found;
      fields.value = [];
      loading.value = 'none';
    });
    remember(place.value.query);
  } catch (error) {
    if (!aborted.aborted) fail(error);
  }
}

/** A query that is wrong has no lines; a server that is gone leaves those that are shown. */
function fail(error: unknown) {
  const found = failureOf(error);
  batch(() => {
    loading.value = 'none';
    failure.value = found;
    if (found.trouble !== 'gone' && found.trouble !== 'limited') {
      rows.value = [];
      series.value = bars.value = counts.value = null;
      fields.value = [];
      cursor.value = null;
    }
  });
}

function unless(aborted: AbortSignal, then: (why: string) => void) {
  return (error: unknown) => {
    if (!aborted.aborted) batch(() => then(failureOf(error).message));
  };
}

/** The next page, when there is one. */
export async function more() {
  if (loading.value !== 'none' || !cursor.value || rows.value.length >= ROWS_MAX) return;
  const { signal: aborted } = running;
  const { query, span, forward } = ran.value;
  const limit = Math.min(pageMax, Math.max(NEXT_PAGE, Math.floor(rows.value.length / 2)));
  loading.value = 'more';
  moreFailure.value = null;
  try {
    const page = await fetchPage({ query, ...spanNs(span), limit, forward, cursor: cursor.value }, aborted);
    if (aborted.aborted) return;
    batch(() => {
      rows.value = rows.value.concat(page.entries);
      cursor.value = page.cursor;
      loading.value = 'none';
    });
  } catch (error) {
    if (aborted.aborted) return;
    const found = failureOf(error);
    const isTooMany = found.trouble === 'refused' && limit > NEXT_PAGE;
    batch(() => {
      moreFailure.value = isTooMany ? null : found;
      loading.value = 'none';
    });
    if (!isTooMany) return;
    pageMax = NEXT_PAGE;
    await more();
  }
}
