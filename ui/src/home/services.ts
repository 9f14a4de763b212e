/** What each service did in the last hour and the one before. */

import { fetchPage, spanNs } from '../api/entries';
import { queryInstant, queryRange } from '../api/metrics';
import { isBad, levelOf } from '../levels';

export interface Service {
  name: string;
  lines: number;
  errors: number;
  errorsBefore: number;
  /** Lines in two-minute bars, oldest first; and errors among them. */
  spark: number[];
  sparkErrors: number[];
}

const HOUR = 3_600_000;
const BARS = 30;
const STEP_SECONDS = 120;
const BY = 'sum by (service_name, detected_level)';
const ALL = '{service_name=~".+"}';

export async function fetchServices(now: number, aborted: AbortSignal): Promise<Service[]> {
  const count = (at: number) => queryInstant(`${BY} (count_over_time(${ALL} [1h]))`, at, aborted);
  const end = Math.ceil(now / 1000 / STEP_SECONDS) * STEP_SECONDS * 1000;
  const [current, before, bars] = await Promise.all([
    count(now),
    count(now - HOUR),
    queryRange(`${BY} (count_over_time(${ALL} [${STEP_SECONDS}s]))`, { start: end - (BARS - 1) * STEP_SECONDS * 1000, end }, STEP_SECONDS, aborted),
  ]);
  const found = new Map<string, Service>();
  const service = (name = '') => {
    const known = found.get(name) ?? { name, lines: 0, errors: 0, errorsBefore: 0, spark: Array<number>(BARS).fill(0), sparkErrors: Array<number>(BARS).fill(0) };
    found.set(name, known);
    return known;
  };
  for (const { labels, points } of current) {
    const of = service(labels.service_name);
    const value = points[0]?.[1] ?? 0;
    of.lines += value;
    if (isBad(levelOf(labels.detected_level))) of.errors += value;
  }
  for (const { labels, points } of before) {
    const of = found.get(labels.service_name ?? '');
    if (of && isBad(levelOf(labels.detected_level))) of.errorsBefore += points[0]?.[1] ?? 0;
  }
  for (const { labels, points } of bars) {
    const of = found.get(labels.service_name ?? '');
    if (!of) continue;
    for (const [at, value] of points) {
      const i = BARS - 1 - Math.round((end / 1000 - at) / STEP_SECONDS);
      if (i < 0 || i >= BARS) continue;
      of.spark[i] = (of.spark[i] ?? 0) + value;
      if (isBad(levelOf(labels.detected_level))) of.sparkErrors[i] = (of.sparkErrors[i] ?? 0) + value;
    }
  }
  return [...found.values()].toSorted(byErrorChange);
}

/** Who got worse comes first, then who errs most, then who says most. */
export function byErrorChange(a: Service, b: Service): number {
  const worse = (s: Service) => Math.max(0, s.errors - s.errorsBefore);
  return worse(b) - worse(a) || b.errors - a.errors || b.lines - a.lines;
}

/** When the newest line of the last 30 days is; null when there is none. */
export async function newestEver(aborted: AbortSignal): Promise<number | null> {
  const now = Date.now();
  const { entries } = await fetchPage({ query: '{}', ...spanNs({ start: now - 30 * 24 * HOUR + 60_000, end: now + 60_000 }), limit: 1, forward: false }, aborted);
  return entries[0]?.ms ?? null;
}
