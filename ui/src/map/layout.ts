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

/** From the side where an edge leaves a node to the one where it arrives, past the nodes between. */
function wayOf(from: Point, to: Point, points: Point[]): Point[] {
  if (from.x === to.x) return points;
  const side = from.x < to.x ? NODE.width / 2 : -NODE.width / 2;
  const bend = side * 0.45;
  const [start, end] = [{ x: from.x + side, y: from.y }, { x: to.x - side, y: to.y }];
  return [start, { x: start.x + bend, y: start.y }, ...points.slice(1, -1), { x: end.x - bend, y: end.y }, end];
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
    ways: edges.map(({ from, to }, i) => wayOf(graph.node(from) as Point, graph.node(to) as Point, (graph.edge(from, to, String(i)) as { points?: Point[] }).points ?? [])),
  };
}
