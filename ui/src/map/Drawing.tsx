/** The map as a drawing: nodes, and edges as wide as they are busy, those with denials in red and dashed. */

import { useEffect, useState } from 'preact/hooks';
import { compact, number, t } from '../i18n';
import { visible } from '../parts/text';
import { search } from '../search/actions';
import type { Placed } from './layout';
import type { Known } from './MapView';
import { NODE } from './node';

const NAME_CHARS = 22;

function pathOf(points: { x: number; y: number }[]): string {
  const [first, ...rest] = points;
  if (!first) return '';
  // Each middle point bends a curve that ends halfway to the next.
  let path = `M${first.x},${first.y}`;
  rest.forEach((point, i) => {
    const next = rest[i + 1];
    path += next ? `Q${point.x},${point.y} ${(point.x + next.x) / 2},${(point.y + next.y) / 2}` : `L${point.x},${point.y}`;
  });
  return path;
}

const short = (name: string) => (name.length > NAME_CHARS ? `${name.slice(0, NAME_CHARS - 1)}…` : name);

export function Drawing({ edges, choose }: { edges: Known[]; choose: (name: string) => void }) {
  const [placed, setPlaced] = useState<{ edges: Known[]; at: Placed } | null>(null);
  const key = edges.map(({ from, to }) => `${from}>${to}`).join('|');
  useEffect(() => {
    let isCurrent = true;
    void import('./layout').then(({ layout }) => {
      if (isCurrent) setPlaced({ edges, at: layout(edges) });
    });
    return () => {
      isCurrent = false;
    };
  }, [key]);
  if (!placed || !edges.length) return null;
  const { at } = placed;
  const most = Math.max(1, ...placed.edges.map((edge) => edge.flows));
  return (
    <div class="map-box" tabIndex={0} role="group" aria-label={t('map.label', { count: placed.edges.length })}>
      <svg class="map-drawing" width={at.width} height={at.height} viewBox={`0 0 ${at.width} ${at.height}`} aria-hidden="true">
        <defs>
          {['good', 'bad'].map((kind) => (
            <marker key={kind} id={`arrow-${kind}`} viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">
              <path class={`arrow-${kind}`} d="M0,0L8,4L0,8z" />
            </marker>
          ))}
        </defs>
        {placed.edges.map((edge, i) => {
          const path = pathOf(at.ways[i] ?? []);
          const kind = edge.denied > 0 ? 'bad' : 'good';
          return (
            <g key={`${edge.from}\n${edge.to}`} class="map-edge" data-kind={kind} data-new={edge.isNew} onClick={() => search(edge.query)}>
              <title>{`${visible(edge.from)} → ${visible(edge.to)}\n${number(edge.flows)} ${t('map.flows')}, ${number(edge.denied)} ${t('map.denied')}`}</title>
              <path class="map-reach" d={path} />
              <path class="map-way" d={path} stroke-width={1 + 4 * Math.sqrt(edge.flows / most)} marker-end={`url(#arrow-${kind})`} />
            </g>
          );
        })}
        {at.nodes.map(({ name, x, y }) => {
          const [namespace, own] = name.includes('/') ? [name.slice(0, name.indexOf('/')), name.slice(name.indexOf('/') + 1)] : ['', name];
          const flows = placed.edges.filter((edge) => edge.from === name || edge.to === name).reduce((sum, edge) => sum + edge.flows, 0);
          return (
            <g key={name} class="map-node" transform={`translate(${x - NODE.width / 2},${y - NODE.height / 2})`} onClick={() => choose(name)}>
              <title>{`${visible(name)}: ${compact(flows)} ${t('map.flows')}`}</title>
              <rect width={NODE.width} height={NODE.height} rx="8" />
              <text x="12" y={namespace ? 17 : 25}>{visible(short(own))}</text>
              {namespace && <text class="map-namespace" x="12" y="32">{visible(short(namespace))}</text>}
            </g>
          );
        })}
      </svg>
    </div>
  );
}
