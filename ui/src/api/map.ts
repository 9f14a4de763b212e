/** Who talks to whom: edges between workloads, namespaces or pods, counted from flow logs. */

import type { Span } from '../time/range';
import { spanNs } from './entries';
import { getJson } from './http';

export const LEVELS_OF_MAP = ['workload', 'namespace', 'pod'] as const;
export type MapBy = (typeof LEVELS_OF_MAP)[number];

export interface Edge {
  from: string;
  to: string;
  flows: number;
  denied: number;
  /** 0 where flows say nothing of it. */
  bytes: number;
  /** Finds the flows behind it. */
  query: string;
}

/** Verdicts of all kinds of flows that let nothing through. */
const DENIED = /^(dropped|deny|denied|drop)$/i;

interface WireMap {
  data: { edges: { source: string; target: string; count: number; bytes?: number; verdicts?: Record<string, number>; query: string }[] };
}

export const isDenied = (verdict: string) => DENIED.test(verdict);

/** The busiest edges first. */
export async function fetchMap(span: Span, by: MapBy, aborted: AbortSignal): Promise<Edge[]> {
  const { body } = await getJson<WireMap>('skald/api/v1/map', { ...spanNs(span), by }, aborted);
  return edgesOf(body);
}

export function edgesOf({ data }: WireMap): Edge[] {
  const edges = data.edges.map(({ source, target, count, bytes = 0, verdicts = {}, query }) => ({
    from: source,
    to: target,
    flows: count,
    bytes,
    denied: Object.entries(verdicts).reduce((sum, [verdict, n]) => (isDenied(verdict) ? sum + n : sum), 0),
    query,
  }));
  return edges.toSorted((a, b) => b.flows - a.flows);
}
