/** All lines of a query as a file that the browser takes from the server, and the page never holds. */

import { nsOf } from '../api/entries';
import { address, identity, request } from '../api/http';
import type { Field } from '../api/metrics';
import type { Span } from '../time/range';

export const FORMATS = ['text', 'json', 'csv'] as const;
export type Format = (typeof FORMATS)[number];

const WIRE: Record<Format, { format: string; ending: string }> = {
  text: { format: 'text', ending: 'log' },
  json: { format: 'jsonl', ending: 'jsonl' },
  csv: { format: 'csv', ending: 'csv' },
};

/** Columns that the server writes into a CSV at most. */
const COLUMNS_MAX = 100;

export interface Wanted {
  query: string;
  span: Span;
  forward: boolean;
  format: Format;
  /** Of a CSV. */
  columns: string[];
}

/** The query with the parsers that find the columns. */
export function withParsers(query: string, columns: string[], fields: Field[]): string {
  const sources = new Set(fields.filter((f) => columns.includes(f.name)).map((f) => f.source));
  const parsers = (['json', 'logfmt'] as const).filter((parser) => sources.has(parser) && !new RegExp(`\\|\\s*${parser}\\b`).test(query));
  return [query, ...parsers.map((parser) => `| ${parser}`)].join(' ');
}

/** A link that needs no headers: the tenant is in it, and the session is a cookie. */
export function exportLink({ query, span, forward, format, columns }: Wanted, limit = 0): URL {
  return address('skald/api/v1/export', {
    query,
    start: nsOf(span.start),
    end: nsOf(span.end),
    direction: forward ? 'forward' : 'backward',
    format: WIRE[format].format,
    columns: format === 'csv' ? columns.slice(0, COLUMNS_MAX).join(',') : undefined,
    tenant: identity.tenant,
    limit: limit || undefined,
  });
}

/** Asks for one line first, as a link has no place for what goes wrong. */
export async function download(wanted: Wanted) {
  await (await request(exportLink(wanted, 1))).text();
  const link = document.createElement('a');
  link.download = `skald-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.${WIRE[wanted.format].ending}`;
  if (!identity.token) {
    link.href = exportLink(wanted).href;
    link.click();
    return;
  }
  // A browser that takes no cookie: the file is a blob, which it keeps outside of the page's memory.
  link.href = URL.createObjectURL(await (await request(exportLink(wanted))).blob());
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
