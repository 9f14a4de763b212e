/** Names of labels and their values, for completion; the last answers are remembered for a while. */

import type { Span } from '../time/range';
import { spanNs } from './entries';
import { getJson } from './http';

const FRESH_MS = 30_000;

const known = new Map<string, { at: number; names: Promise<string[]> }>();

async function remembered(key: string, fetch: () => Promise<string[]>): Promise<string[]> {
  const found = known.get(key);
  if (found && Date.now() - found.at < FRESH_MS) return found.names;
  const names = fetch();
  if (known.size > 50) known.clear();
  known.set(key, { at: Date.now(), names });
  names.catch(() => known.delete(key));
  return names;
}

interface WireNames {
  data?: string[];
}

/** A minute more or less does not change which names there are. */
const rounded = ({ start, end }: Span): Span => ({ start: Math.floor(start / 60_000) * 60_000, end: Math.ceil(end / 60_000) * 60_000 });

export function fetchLabels(span: Span): Promise<string[]> {
  const range = spanNs(rounded(span));
  return remembered(`labels ${range.start}`, async () => (await getJson<WireNames>('loki/api/v1/labels', range)).body.data ?? []);
}

export function fetchValues(label: string, selector: string, span: Span): Promise<string[]> {
  const range = spanNs(rounded(span));
  const params = { ...range, query: selector === '{}' ? undefined : selector };
  return remembered(`${label} ${selector} ${range.start}`, async () => (await getJson<WireNames>(`loki/api/v1/label/${encodeURIComponent(label)}/values`, params)).body.data ?? []);
}
