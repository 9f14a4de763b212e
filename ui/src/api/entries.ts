/** Entries of log queries: pages, exports and tails give the same shape. */

import { levelOf, type Level } from '../levels';
import type { Span } from '../time/range';
import { address, getJson, request, streamLines } from './http';

export type Labels = Record<string, string>;

export interface Entry {
  /** Of this page's life: cheap to compare, unlike the key of a link. */
  id: number;
  /** Nanoseconds since 1970. */
  ns: string;
  ms: number;
  line: string;
  labels: Labels;
  metadata: Labels;
  parsed: Labels;
  level: Level;
}

export interface Page {
  entries: Entry[];
  cursor: string | null;
  hint: string | null;
  warnings: string[];
  bytes: number;
  seconds: number;
}

interface WireStream {
  stream: Labels;
  values: [string, string, { structuredMetadata?: Labels; parsed?: Labels }?][];
}

interface WireAnswer {
  data: {
    resultType: string;
    result: WireStream[];
    stats?: { summary?: { totalBytesProcessed?: number; execTime?: number } };
  };
  warnings?: string[];
}

const CATEGORIES = { 'X-Loki-Response-Encoding-Flags': 'categorize-labels' };
const NONE: Labels = Object.freeze(Object.create(null)) as Labels;

let entries = 0;

function entry(labels: Labels, ns: string, line: string, metadata: Labels = NONE, parsed: Labels = NONE): Entry {
  const level = metadata.detected_level ?? labels.detected_level ?? parsed.level ?? labels.level;
  return { id: ++entries, ns, ms: Number(ns.slice(0, -6)), line, labels, metadata, parsed, level: levelOf(level) };
}

/** Streams as one list in the order of time; entries of one instant keep the order they came in. */
function flatten(streams: WireStream[], forward: boolean): Entry[] {
  const all: Entry[] = [];
  for (const { stream, values } of streams) {
    for (const [ns, line, extra] of values) all.push(entry(stream, ns, line, extra?.structuredMetadata, extra?.parsed));
  }
  const sign = forward ? 1 : -1;
  return all.toSorted((a, b) => sign * (a.ns.length - b.ns.length || (a.ns < b.ns ? -1 : a.ns > b.ns ? 1 : 0)));
}

export interface PageRequest {
  query: string;
  /** Nanoseconds since 1970; the end is the first after. */
  start: string;
  end: string;
  limit: number;
  forward: boolean;
  cursor?: string | null;
}

export async function fetchPage({ query, start, end, limit, forward, cursor }: PageRequest, signal?: AbortSignal): Promise<Page> {
  const params = { query, start, end, limit, direction: forward ? 'forward' : 'backward', cursor: cursor ?? undefined };
  const { body, headers } = await getJson<WireAnswer>('loki/api/v1/query_range', params, signal, CATEGORIES);
  const summary = body.data.stats?.summary;
  return {
    entries: flatten(body.data.result, forward),
    cursor: headers.get('X-Skald-Cursor'),
    hint: headers.get('X-Skald-Hint'),
    warnings: body.warnings ?? [],
    bytes: summary?.totalBytesProcessed ?? 0,
    seconds: summary?.execTime ?? 0,
  };
}

export const nsOf = (ms: number) => `${Math.round(ms)}000000`;

export function spanNs(span: Span): { start: string; end: string } {
  return { start: nsOf(span.start), end: nsOf(span.end) };
}

interface WireAround {
  data: { before: ExportLine[]; at: ExportLine[]; after: ExportLine[]; more_before: boolean; more_after: boolean };
}

/** Entries before, at and after an instant, each from the oldest to the newest. */
export interface Surroundings {
  before: Entry[];
  at: Entry[];
  after: Entry[];
  hasOlder: boolean;
  hasNewer: boolean;
}

export async function fetchSurroundings(query: string, ns: string, count: number, signal: AbortSignal): Promise<Surroundings> {
  const params = { query, timestamp: ns, before: count, after: count };
  const { before, at, after, more_before, more_after } = (await getJson<WireAround>('skald/api/v1/entries/around', params, signal)).body.data;
  const made = (lines: ExportLine[]) => lines.map((l) => entry(l.stream ?? NONE, l.timestamp ?? ns, l.line ?? '', l.structuredMetadata, l.parsed));
  return { before: made(before), at: made(at), after: made(after), hasOlder: more_before, hasNewer: more_after };
}

interface ExportLine {
  timestamp?: string;
  stream?: Labels;
  structuredMetadata?: Labels;
  parsed?: Labels;
  line?: string;
}

export interface TailFrame {
  entries: Entry[];
  /** Entries the server dropped because this reader was slow. */
  dropped: { ns: string; labels: Labels }[];
}

interface WireFrame {
  streams?: WireStream[];
  dropped_entries?: { timestamp: string; labels: Labels }[];
  error?: string;
}

/** Follows a query from an instant on; ends with an error, or when the server closes. */
export async function* followEntries(query: string, startNs: string, limit: number, signal: AbortSignal, opened: () => void): AsyncGenerator<TailFrame> {
  const url = address('loki/api/v1/tail', { query, start: startNs, limit });
  const response = await request(url, { signal, headers: { ...CATEGORIES, Accept: 'application/x-ndjson' } });
  opened();
  for await (const lines of streamLines(response)) {
    const frame: TailFrame = { entries: [], dropped: [] };
    for (const text of lines) {
      const parsed = JSON.parse(text) as WireFrame;
      if (parsed.error) throw new Error(parsed.error);
      for (const { stream, values } of parsed.streams ?? [])
        for (const [ns, line, extra] of values) frame.entries.push(entry(stream, ns, line, extra?.structuredMetadata, extra?.parsed));
      for (const { timestamp, labels } of parsed.dropped_entries ?? []) frame.dropped.push({ ns: timestamp, labels });
    }
    yield frame;
  }
}

/** The same entry has the same key: for links, selections and tails that resume. */
export function keyOf({ ns, line, labels }: Entry): string {
  let hash = 0x811c9dc5;
  const add = (text: string) => {
    // The ends of a text tell long lines apart as well as the whole, and cost less.
    const part = text.length > 4096 ? text.slice(0, 2048) + text.length + text.slice(-2048) : text;
    for (let i = 0; i < part.length; i++) hash = Math.imul(hash ^ part.charCodeAt(i), 0x01000193);
  };
  for (const name of Object.keys(labels).toSorted()) add(`${name}=${labels[name]};`);
  add(line);
  return `${ns}-${(hash >>> 0).toString(16).padStart(8, '0')}`;
}
