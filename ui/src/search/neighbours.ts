/** Lines around a line, in the order of time: of its stream, or of all that shares a label with it. */

import { fetchSurroundings, keyOf, type Entry, type Surroundings } from '../api/entries';
import { quote } from '../logql/split';

export const AROUND = 10;

/** What the lines around have in common with the line. */
export type Scope = { kind: 'stream' } | { kind: 'label'; name: string } | { kind: 'trace'; id: string } | { kind: 'all' };

/** Labels that widen the view step by step, nearest first. */
const WIDER = ['pod', 'instance', 'container', 'host', 'hostname', 'node', 'app', 'job', 'service_name', 'namespace', 'env', 'cluster'];

export function scopesOf(entry: Entry): Scope[] {
  const labels = Object.keys(entry.labels).length;
  const wider = WIDER.filter((name) => entry.labels[name] !== undefined && labels > 1).map((name): Scope => ({ kind: 'label', name }));
  const id = traceOf(entry);
  return [{ kind: 'stream' }, ...wider, ...(id ? [{ kind: 'trace', id } as const] : []), { kind: 'all' }];
}

/** The trace id of an entry: in its metadata, its fields, or its text. */
export function traceOf({ metadata, parsed, line }: Entry): string | null {
  const named = ['trace_id', 'traceId', 'traceID', 'traceid'].map((name) => metadata[name] ?? parsed[name]).find(Boolean);
  return named ?? /trace[_-]?id["']?\s*[=:]\s*["']?([0-9a-f]{16,32})/i.exec(line.slice(0, 20_000))?.[1] ?? null;
}

function queryOf(entry: Entry, scope: Scope): string {
  switch (scope.kind) {
    case 'stream': return `{${Object.entries(entry.labels).map(([name, value]) => `${name}=${quote(value)}`).join(', ')}}`;
    case 'label': return `{${scope.name}=${quote(entry.labels[scope.name] ?? '')}}`;
    case 'trace': return `{} |= ${quote(scope.id)}`;
    case 'all': return '{}';
  }
}

export interface Around {
  before: Entry[];
  after: Entry[];
  hasOlder: boolean;
  hasNewer: boolean;
}

/** Up to `count` lines on each side, in the exact order of the store; the line itself is left out. */
export async function fetchAround(entry: Entry, scope: Scope, count: number, signal: AbortSignal): Promise<Around> {
  return sides(entry, await fetchSurroundings(queryOf(entry, scope), entry.ns, count, signal), count);
}

/** What lies on each side of an entry: others of its nanosecond are before or after it, as they arrived. */
export function sides(entry: Entry, { before, at, after, hasOlder, hasNewer }: Surroundings, count: number): Around {
  const key = keyOf(entry);
  const found = at.findIndex((other) => keyOf(other) === key);
  const older = [...before, ...at.slice(0, Math.max(0, found))];
  const newer = [...at.slice(found + 1), ...after];
  return {
    before: older.slice(Math.max(0, older.length - count)),
    after: newer.slice(0, count),
    hasOlder: hasOlder || older.length > count,
    hasNewer: hasNewer || newer.length > count,
  };
}
