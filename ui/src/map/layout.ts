/** Places of nodes and ways of edges, from left to right as traffic goes. Loaded with the first map. */

import { graphlib, layout as arrange } from '@dagrejs/dagre';
import { NODE } from './node';

export interface Placed {
  width: number;
  height: number;
  nodes: { name: string; x: number; y: number }[];
  /** Points of each edge, in the order of the edges. */
  ways: { x: number; y: number }[][];
}

interface Point {
  x: number;
  y: number;
}

export function layout(edges: { from: string; to: string }[]): Placed {
  const graph = new graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: 'LR', nodesep: 18, ranksep: 110, marginx: 16, marginy: 16 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const name of new Set(edges.flatMap(({ from, to }) => [from, to]))) graph.setNode(name, { ...NODE });
  edges.forEach(({ from, to }, i) => graph.setEdge(from, to, {}, String(i)));
  arrange(graph);
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  return {
    width,
    height,
    nodes: graph.nodes().map((name: string) => Object.assign({ name }, graph.node(name) as Point)),
    ways: edges.map(({ from, to }, i) => (graph.edge(from, to, String(i)) as { points?: Point[] }).points ?? []),
  };
}
