import { describe, expect, it, vi } from 'vitest';
import type { Field } from '../api/metrics';
import { asCurl, asGrafana, asLogcli, type View } from './copy';
import { withParsers } from './download';
import { isId, shellWords, understand } from './paste';

vi.hoisted(() => vi.stubGlobal('document', { baseURI: 'http://h/ui/' }));

const view: View = {
  query: `{app="it's"} |= "a b" | json`,
  span: { start: 1796133600000, end: 1796137200000 },
  tenant: 'acme',
  base: 'http://logs.example:3100',
  limit: 1000,
  forward: false,
};
const range = { from: '1796133600000', to: '1796137200000' };

describe('both ways', () => {
  it('runs the curl line it writes', () => expect(understand(asCurl(view))).toEqual({ kind: 'curl', query: view.query, range, tenant: 'acme' }));
  it('runs the logcli line it writes', () => expect(understand(asLogcli(view))).toEqual({ kind: 'logcli', query: view.query, range, tenant: 'acme' }));
  it('runs the Grafana link it writes', () =>
    expect(understand(`https://grafana.example${asGrafana(view)}`)).toEqual({ kind: 'grafana', query: view.query, range }));
});

describe('what is pasted', () => {
  it('reads older Grafana links', () => {
    const left = encodeURIComponent(JSON.stringify(['now-3h', 'now', 'Loki', { expr: '{a="b"}' }]));
    expect(understand(`https://g.example/explore?orgId=1&left=${left}`)).toEqual({ kind: 'grafana', query: '{a="b"}', range: { from: 'now-3h', to: 'now' } });
    const object = encodeURIComponent(JSON.stringify({ queries: [{ expr: '{a="b"}' }], range: { from: 'now-1h', to: 'now' } }));
    expect(understand(`https://g.example/explore?left=${object}`)?.range).toEqual({ from: 'now-1h', to: 'now' });
  });
  it('reads links of this page and of the API', () => {
    expect(understand('http://h/ui/?query=%7B%7D&from=now-5m&to=now')).toEqual({ kind: 'url', query: '{}', range: { from: 'now-5m', to: 'now' } });
    expect(understand('http://h/loki/api/v1/query_range?query=%7B%7D&since=30m')).toEqual({ kind: 'url', query: '{}', range: { from: 'now-30m', to: 'now' } });
    expect(understand('http://h/explore?left=%7Bbroken')).toBeNull();
  });
  it('reads logcli and curl as people write them', () => {
    expect(understand(`logcli query -q --since=15m --limit 50 '{app="x"} |= "y"' --tail`)).toEqual({
      kind: 'logcli', query: '{app="x"} |= "y"', range: { from: 'now-15m', to: 'now' },
    });
    expect(understand(`curl -s -G "http://h:3100/loki/api/v1/query_range" \\\n  --data-urlencode 'query={app="x"}' --data-urlencode 'start=1796133600' -d end=1796137200000000000`)).toEqual({
      kind: 'curl', query: '{app="x"}', range,
    });
  });
  it('knows ids and queries from words', () => {
    expect(understand('4bf92f3577b34da6a3ce929d0e0e4736')).toEqual({ kind: 'id', query: '{} |= "4bf92f3577b34da6a3ce929d0e0e4736"' });
    expect(isId('123e4567-e89b-12d3-a456-426614174000')).toBe(true);
    expect(isId('deadbeefdeadbeef')).toBe(false);
    expect(understand('sum by (x) (rate({a="b"}[5m]))')?.kind).toBe('query');
    expect(understand('connection refused')).toBeNull();
    expect(understand('')).toBeNull();
  });
  it('splits shell words', () => expect(shellWords(`a 'b c' "d \\"e" f\\ g \\\n h`)).toEqual(['a', 'b c', 'd "e', 'f g', 'h']));
});

it('a download parses what its columns need', () => {
  const field = (name: string, source: Field['source']): Field => ({ name, source, type: 'string', cardinality: 1 });
  const fields = [field('app', 'label'), field('status', 'json'), field('region', 'metadata')];
  expect(withParsers('{a="b"}', ['app', 'region'], fields)).toBe('{a="b"}');
  expect(withParsers('{a="b"}', ['app', 'status'], fields)).toBe('{a="b"} | json');
  expect(withParsers('{a="b"} |json', ['status'], fields)).toBe('{a="b"} |json');
});
