import { expect, it, vi } from 'vitest';
import { edgesOf } from './map';

vi.hoisted(() => vi.stubGlobal('document', { baseURI: 'http://h/ui/' }));

it('counts what was denied, whatever the flows call it', () => {
  const edge = (source: string, count: number, verdicts: Record<string, number>) => ({ source, target: 'data/db', count, verdicts, query: '{}' });
  const edges = edgesOf({ data: { edges: [edge('shop/cron', 1, { Deny: 1 }), edge('shop/web', 7, { FORWARDED: 5, DROPPED: 2 })] } });
  expect(edges.map(({ from, flows, denied, bytes }) => [from, flows, denied, bytes])).toEqual([
    ['shop/web', 7, 2, 0],
    ['shop/cron', 1, 1, 0],
  ]);
});
