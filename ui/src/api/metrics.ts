/** Counts and series: histograms, top values, metric queries. */

import { LEVELS, levelOf, type Level } from '../levels';
import { histogramStep, type Span } from '../time/range';
import { getJson } from './http';
import { spanNs, type Labels } from './entries';

export interface Series {
  labels: Labels;
  /** Seconds since 1970 and value. */
  points: [number, number][];
}

interface WireMetric {
  data: { resultType: string; result: { metric: Labels; values?: [number, string][]; value?: [number, string] }[] };
}

function series({ data }: WireMetric): Series[] {
  return data.result.map(({ metric, values, value }) => ({
    labels: metric,
    points: (values ?? (value ? [value] : [])).map(([at, text]) => [at, Number(text)]),
  }));
}

export async function queryRange(query: string, span: Span, step: number, signal?: AbortSignal): Promise<Series[]> {
  return (await queryRangeWithHint(query, span, step, signal)).found;
}

/** With why an answer is empty. */
export async function queryRangeWithHint(query: string, span: Span, step: number, signal?: AbortSignal): Promise<{ found: Series[]; hint: string | null }> {
  const { body, headers } = await getJson<WireMetric>('loki/api/v1/query_range', { query, ...spanNs(span), step }, signal);
  return { found: series(body), hint: headers.get('X-Skald-Hint') };
}

export async function queryInstant(query: string, atMs: number, signal?: AbortSignal): Promise<Series[]> {
  const { body } = await getJson<WireMetric>('loki/api/v1/query', { query, time: spanNs({ start: atMs, end: atMs }).end }, signal);
  return series(body);
}

export interface Bar {
  start: number;
  counts: Partial<Record<Level, number>>;
  total: number;
}

export interface Bars {
  /** Milliseconds. */
  step: number;
  bars: Bar[];
}

/** Counts by level in bars of one width, aligned so that neighbouring ranges agree. */
export async function fetchBars(query: string, span: Span, count: number, signal?: AbortSignal): Promise<Bars> {
  const step = histogramStep(span, count);
  const width = step * 1000;
  const first = Math.floor(span.start / width) * width;
  const last = Math.ceil(span.end / width) * width;
  // A point counts what lies in the step before it.
  const points = { start: first + width, end: last };
  const found = await queryRange(`sum by (detected_level) (count_over_time(${query} [${step}s]))`, points, step, signal);
  const bars: Bar[] = [];
  for (let start = first; start < last; start += width) bars.push({ start, counts: {}, total: 0 });
  for (const { labels, points: values } of found) {
    const level = levelOf(labels.detected_level);
    for (const [at, value] of values) {
      const bar = bars[Math.round((at * 1000 - first) / width) - 1];
      if (!bar) continue;
      bar.counts[level] = (bar.counts[level] ?? 0) + value;
      bar.total += value;
    }
  }
  return { step: width, bars };
}

export type LevelCounts = Partial<Record<Level, number>>;

/** Exact counts of the whole range, by level. */
export async function fetchLevelCounts(query: string, span: Span, signal?: AbortSignal): Promise<LevelCounts> {
  const found = await queryInstant(`sum by (detected_level) (count_over_time(${query} [${rangeText(span)}]))`, span.end, signal);
  const counts: LevelCounts = {};
  for (const { labels, points } of found) {
    const level = levelOf(labels.detected_level);
    counts[level] = (counts[level] ?? 0) + (points[0]?.[1] ?? 0);
  }
  return counts;
}

export function totalOf(counts: LevelCounts): number {
  return LEVELS.reduce((sum, level) => sum + (counts[level] ?? 0), 0);
}

export const rangeText = (span: Span) => `${Math.max(1, Math.round(span.end - span.start))}ms`;

export interface TopValue {
  value: string;
  count: number;
}

/** The most frequent values of a label or field, counted over the whole range. */
export async function fetchTopValues(query: string, parser: string, name: string, span: Span, limit: number, signal?: AbortSignal): Promise<TopValue[]> {
  const piped = parser ? `${query} | ${parser}` : query;
  const found = await queryInstant(`topk(${limit}, sum by (${name}) (count_over_time(${piped} [${rangeText(span)}])))`, span.end, signal);
  return found
    .map(({ labels, points }) => ({ value: labels[name] ?? '', count: points[0]?.[1] ?? 0 }))
    .toSorted((a, b) => b.count - a.count);
}

export interface Field {
  name: string;
  /** `label`, `metadata`, or the parser that finds it. */
  source: 'label' | 'metadata' | 'json' | 'logfmt' | 'parsed';
  type: string;
  cardinality: number;
}

interface WireFields {
  fields?: { label: string; type: string; cardinality: number; parsers: string[] | null }[];
}

interface WireLabels {
  detectedLabels?: { label: string; cardinality: number }[];
}

export async function fetchFields(query: string, selector: string, span: Span, signal?: AbortSignal): Promise<Field[]> {
  const range = spanNs(span);
  const [labels, fields] = await Promise.all([
    getJson<WireLabels>('loki/api/v1/detected_labels', { query: selector, ...range }, signal),
    getJson<WireFields>('loki/api/v1/detected_fields', { query, ...range, line_limit: 500 }, signal),
  ]);
  const own = (labels.body.detectedLabels ?? []).map(({ label, cardinality }): Field => ({ name: label, source: 'label', type: 'string', cardinality }));
  const found = (fields.body.fields ?? []).map(({ label, type, cardinality, parsers }): Field => {
    const parser = parsers?.[0];
    return { name: label, source: parser === 'json' || parser === 'logfmt' ? parser : 'metadata', type, cardinality };
  });
  const names = new Set(own.map((f) => f.name));
  const byName = (a: Field, b: Field) => a.name.localeCompare(b.name);
  return [...own.toSorted(byName), ...found.filter((f) => !names.has(f.name)).toSorted(byName)];
}
