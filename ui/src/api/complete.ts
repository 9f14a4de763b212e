/** What the server says may be written at a place in a query. */

import type { Span } from '../time/range';
import { spanNs } from './entries';
import { getJson } from './http';

export type ChoiceKind = 'label' | 'value' | 'stage' | 'field' | 'function';

export interface Choice {
  text: string;
  /** Values of a label or field, bytes of a value. */
  count?: number;
}

export interface Completion {
  kind: ChoiceKind;
  /** Where the word begins that is being written: an index of the text, as JavaScript counts. */
  from: number;
  choices: Choice[];
}

interface WireCompletion {
  data: { kind: ChoiceKind | 'none'; from?: number; choices: Choice[] };
}

/** A minute more or less does not change which names there are. */
const rounded = ({ start, end }: Span): Span => ({ start: Math.floor(start / 60_000) * 60_000, end: Math.ceil(end / 60_000) * 60_000 });

export async function fetchCompletion(query: string, caret: number, span: Span, limit: number, aborted: AbortSignal): Promise<Completion | null> {
  const before = Array.from(query.slice(0, caret));
  const params = { query, caret: before.length, limit, ...spanNs(rounded(span)) };
  const { kind, from = 0, choices } = (await getJson<WireCompletion>('skald/api/v1/complete', params, aborted)).body.data;
  if (kind === 'none' || !choices.length) return null;
  return { kind, from: before.slice(0, from).join('').length, choices };
}
