/** A view as text for other tools: curl, logcli, a Grafana Explore link. */

import type { Span } from '../time/range';

export interface View {
  query: string;
  span: Span;
  tenant: string;
  /** The server's address, without a slash at its end. */
  base: string;
  limit: number;
  forward: boolean;
}

const shell = (text: string) => `'${text.replaceAll("'", String.raw`'\''`)}'`;
const ns = (ms: number) => `${Math.round(ms)}000000`;

export function asCurl({ query, span, tenant, base, limit, forward }: View): string {
  return [
    `curl -sG ${shell(`${base}/loki/api/v1/query_range`)}`,
    ...(tenant ? [`-H ${shell(`X-Scope-OrgID: ${tenant}`)}`] : []),
    `--data-urlencode ${shell(`query=${query}`)}`,
    `-d start=${ns(span.start)} -d end=${ns(span.end)} -d limit=${limit}${forward ? ' -d direction=forward' : ''}`,
  ].join(' ');
}

export function asLogcli({ query, span, tenant, base, limit, forward }: View): string {
  const at = (ms: number) => new Date(ms).toISOString();
  return [
    `logcli --addr=${shell(base)}`,
    ...(tenant ? [`--org-id=${shell(tenant)}`] : []),
    `query --from=${at(span.start)} --to=${at(span.end)} --limit=${limit}${forward ? ' --forward' : ''} ${shell(query)}`,
  ].join(' ');
}

/** Without Grafana's address, which the page does not know. */
export function asGrafana({ query, span }: View): string {
  const panes = {
    a: {
      datasource: 'loki',
      queries: [{ refId: 'A', expr: query }],
      range: { from: String(Math.round(span.start)), to: String(Math.round(span.end)) },
    },
  };
  return `/explore?schemaVersion=1&panes=${encodeURIComponent(JSON.stringify(panes))}`;
}
