import { expect, it, vi } from 'vitest';
import { edgesOf } from './map';

vi.hoisted(() => vi.stubGlobal('document', { baseURI: 'http://h/ui/' }));

const flow = (src: string, dst: string, verdict: string, flows: number) => ({
  labels: { src_namespace: 'shop', src_workload: src, dst_namespace: 'shop', dst_workload: dst, dst_name: '', verdict },
  flows,
});

it('makes one edge of all verdicts between two ends', () => {
  const edges = edgesOf('workload', [flow('web', 'db', 'FORWARDED', 5), flow('web', 'db', 'DROPPED', 2), flow('cron', 'db', 'FORWARDED', 1)]);
  expect(edges.map(({ from, to, flows, denied }) => [from, to, flows, denied])).toEqual([
    ['shop/web', 'shop/db', 7, 2],
    ['shop/cron', 'shop/db', 1, 0],
  ]);
  expect(edges[0]?.query).toBe('{} | src_namespace="shop" | src_workload="web" | dst_namespace="shop" | dst_workload="db"');
});

it('names ends by namespace, and what is outside by its name', () => {
  const outside = { labels: { src_namespace: 'shop', dst_name: 'api.example' }, flows: 3 };
  expect(edgesOf('namespace', [outside]).map((e) => [e.from, e.to])).toEqual([['shop', 'api.example']]);
  expect(edgesOf('pod', [{ labels: { src_namespace: 'shop' }, flows: 1 }])).toEqual([]);
});
