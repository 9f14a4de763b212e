/** Lines around a line, in the order of time: of its stream, or of all that shares a label with it. */

import { fetchPage, keyOf, type Entry } from '../api/entries';
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
}

/** Twenty-nine days on each side: less than the longest range a query may have. */
const REACH_NS = 29n * 86_400_000_000_000n;

/** Up to `count` lines on each side; the line itself is left out. */
export async function fetchAround(entry: Entry, scope: Scope, count: number, signal: AbortSignal): Promise<Around> {
  const at = BigInt(entry.ns);
  const query = queryOf(entry, scope);
  const key = keyOf(entry);
  const after1 = (at + 1n).toString();
  const [older, newer] = await Promise.all([
    fetchPage({ query, start: (at - REACH_NS).toString(), end: after1, limit: count + 1, forward: false }, signal),
    fetchPage({ query, start: after1, end: (at + REACH_NS).toString(), limit: count, forward: true }, signal),
  ]);
  return { before: older.entries.toReversed().filter((e) => keyOf(e) !== key).slice(-count), after: newer.entries };
}
