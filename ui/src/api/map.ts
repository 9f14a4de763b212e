/** Who talks to whom: edges between workloads, namespaces or pods, counted from flow logs. */

import { quote } from '../logql/split';
import type { Span } from '../time/range';
import { spanNs } from './entries';
import { getJson, RequestError } from './http';
import { queryInstant, rangeText } from './metrics';

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

/** An end of an edge: `namespace/name`, or a name outside of the cluster. */
function endOf(side: 'src' | 'dst', by: MapBy, labels: Record<string, string>): string {
  const namespace = labels[`${side}_namespace`] ?? '';
  const outside = labels[`${side}_name`] || labels[`${side}_ip`] || '';
  if (by === 'namespace') return namespace || outside;
  const name = labels[`${side}_${by}`] ?? '';
  return name ? (namespace ? `${namespace}/${name}` : name) : outside;
}

/** Filters that hold for the flows of an edge. */
function filters(labels: Record<string, string>): string {
  return Object.entries(labels)
    .filter(([name, value]) => value !== '' && name !== 'verdict' && name !== 'action')
    .map(([name, value]) => ` | ${name}=${quote(value)}`)
    .join('');
}

const DENIED = /^(dropped|deny|denied|drop|audit_deny)$/i;

/** One edge for all verdicts between the same ends. */
export function edgesOf(by: MapBy, counted: { labels: Record<string, string>; flows: number; bytes?: number }[]): Edge[] {
  const edges = new Map<string, Edge>();
  for (const { labels, flows, bytes = 0 } of counted) {
    const from = endOf('src', by, labels);
    const to = endOf('dst', by, labels);
    if (!from || !to) continue;
    const key = `${from}\n${to}`;
    const edge = edges.get(key) ?? { from, to, flows: 0, denied: 0, bytes: 0, query: `{}${filters(labels)}` };
    edge.flows += flows;
    edge.bytes += bytes;
    if (DENIED.test(labels.verdict ?? '')) edge.denied += flows;
    edges.set(key, edge);
  }
  return [...edges.values()].toSorted((a, b) => b.flows - a.flows);
}

interface WireEnd {
  namespace?: string;
  workload?: string;
  pod?: string;
  name?: string;
}

interface WireMap {
  data: { edges: { src: WireEnd; dst: WireEnd; count: number; bytes?: number; verdicts?: Record<string, number>; query: string }[] };
}

function nameOf({ namespace = '', workload, pod, name }: WireEnd): string {
  const own = pod ?? workload ?? name ?? '';
  return own && namespace ? `${namespace}/${own}` : own || namespace;
}

/** The server's own map; where it has none, flows are counted by their columns. */
export async function fetchMap(span: Span, by: MapBy, aborted: AbortSignal): Promise<Edge[]> {
  try {
    const { body } = await getJson<WireMap>('skald/api/v1/map', { ...spanNs(span), by }, aborted);
    return body.data.edges.map(({ src, dst, count, bytes = 0, verdicts = {}, query }) => ({
      from: nameOf(src),
      to: nameOf(dst),
      flows: count,
      bytes,
      denied: Object.entries(verdicts).reduce((sum, [verdict, n]) => (DENIED.test(verdict) ? sum + n : sum), 0),
      query,
    }));
  } catch (error) {
    if (!(error instanceof RequestError && error.status === 404)) throw error;
  }
  return countedEdges(span, by, aborted);
}

async function countedEdges(span: Span, by: MapBy, aborted: AbortSignal): Promise<Edge[]> {
  const own = by === 'namespace' ? [] : [`src_${by}`, `dst_${by}`];
  const columns = ['src_namespace', 'dst_namespace', ...own, 'src_name', 'dst_name', 'verdict'];
  // Both ends may report a flow; the one that sent it always does.
  const query = `sum by (${columns.join(', ')}) (count_over_time({} | verdict!="" | reporter!="Dst" [${rangeText(span)}]))`;
  const found = await queryInstant(query, span.end, aborted);
  return edgesOf(by, found.map(({ labels, points }) => ({ labels, flows: points[0]?.[1] ?? 0 })));
}
