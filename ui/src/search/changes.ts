/**
 * What changed between two windows of one query: templates of lines and values of fields, counted in both.
 *
 * Templates of two mining runs differ in their details, so each found in either window is counted in both
 * with `|>`: the counts are exact, whatever the templates are.
 */

import { fetchTopValues, type Field } from '../api/metrics';
import { countLines, fetchPatterns, ofPattern, type Mined } from '../api/patterns';
import { selectorOf, type Source } from '../logql/edit';
import type { Level } from '../levels';
import type { Span } from '../time/range';

export const BASELINES = ['before', 'day', 'week'] as const;

/** Against the window just before, or the same a day or a week ago. */
export type Baseline = (typeof BASELINES)[number];

const DAY_MS = 86_400_000;

/** Counting costs a query in each window: the most frequent are counted. */
const PATTERNS_MAX = 40;
const FIELDS_MAX = 14;
/** All values, so that one which is rare in a window is not taken for missing there; a field with more is left out. */
const VALUES_MAX = 1000;
const AT_ONCE = 3;

/** Fields with more values are ids, whose values are new in every window. */
const CARDINALITY_MAX = 200;

/** Differences of a share of lines below this are noise. */
const SHARE_MIN = 0.03;

export function baselineSpan({ start, end }: Span, baseline: Baseline): Span {
  const back = baseline === 'before' ? end - start : baseline === 'day' ? DAY_MS : 7 * DAY_MS;
  return { start: start - back, end: end - back };
}

export interface PatternChange {
  pattern: string;
  level: Level;
  now: number;
  before: number;
}

export interface ValueChange {
  source: Source;
  name: string;
  value: string;
  now: number;
  before: number;
}

/** The larger, the more a window differs from the other; both counts weigh by how sure they are. */
export function weight({ now, before }: { now: number; before: number }): number {
  return Math.abs(now - before) / Math.sqrt(now + before + 1);
}

/** Runs the jobs a few at a time; what one finds is handed on at once. */
export async function eachOf<T>(items: T[], job: (item: T) => Promise<void>) {
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const item = items[next++];
      if (item !== undefined) await job(item);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

function candidates(now: Mined[], before: Mined[]): Mined[] {
  const found = new Map<string, Mined>();
  for (const mined of [...now, ...before]) {
    const known = found.get(mined.pattern);
    if (!known || known.estimate < mined.estimate) found.set(mined.pattern, mined);
  }
  return [...found.values()].toSorted((a, b) => b.estimate - a.estimate).slice(0, PATTERNS_MAX);
}

export async function comparePatterns(query: string, now: Span, before: Span, aborted: AbortSignal, found: (change: PatternChange) => void) {
  const selector = selectorOf(query);
  const [of, ofBefore] = await Promise.all([fetchPatterns(selector, now, aborted), fetchPatterns(selector, before, aborted)]);
  await eachOf(candidates(of, ofBefore), async ({ pattern, level }) => {
    const narrowed = ofPattern(query, pattern);
    const [a, b] = await Promise.all([countLines(narrowed, now, aborted), countLines(narrowed, before, aborted)]);
    if (a + b > 0) found({ pattern, level, now: a, before: b });
  });
}

/** Values whose share of the lines grew or shrank. */
export async function compareValues(query: string, fields: Field[], totals: { now: number; before: number }, now: Span, before: Span, aborted: AbortSignal, found: (changes: ValueChange[]) => void) {
  // The detected level says what the line's own says.
  const hasLevel = fields.some((f) => f.name === 'detected_level');
  const worth = fields
    .filter((f) => f.cardinality > 1 && f.cardinality <= CARDINALITY_MAX && !(hasLevel && f.name === 'level'))
    .slice(0, FIELDS_MAX);
  await eachOf(worth, async ({ name, source }) => {
    const parser = source === 'json' || source === 'logfmt' ? source : '';
    const [a, b] = await Promise.all([
      fetchTopValues(query, parser, name, now, VALUES_MAX, aborted),
      fetchTopValues(query, parser, name, before, VALUES_MAX, aborted),
    ]);
    if (a.length >= VALUES_MAX || b.length >= VALUES_MAX) return;
    const counts = new Map<string, { now: number; before: number }>();
    for (const { value, count } of a) counts.set(value, { now: count, before: 0 });
    for (const { value, count } of b) counts.set(value, { now: counts.get(value)?.now ?? 0, before: count });
    found([...counts].filter(([value, c]) => value !== '' && isWorthy(c, totals)).map(([value, c]) => ({ source, name, value, now: c.now, before: c.before })));
  });
}

function isWorthy({ now, before }: { now: number; before: number }, totals: { now: number; before: number }): boolean {
  return Math.abs(now / Math.max(1, totals.now) - before / Math.max(1, totals.before)) >= SHARE_MIN;
}
