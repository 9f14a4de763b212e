/** What is wrong with a query, by the server's own parser: place, reason, and the edit that repairs it. */

import { parseErrorOf } from '../logql/parseError';
import { getJson } from './http';

export interface Mistake {
  query: string;
  message: string;
  /** Indices of the query, as JavaScript counts. */
  start: number;
  end: number;
  advice: string;
  edit: { start: number; end: number; text: string } | null;
}

interface WireParse {
  data: { valid: true } | { valid: false; start: number; end: number; message: string; edit?: { start: number; end: number; text: string } };
}

/** Null when the query can be read. */
export async function fetchMistake(query: string, aborted: AbortSignal): Promise<Mistake | null> {
  const { data } = (await getJson<WireParse>('skald/api/v1/parse', { query }, aborted)).body;
  if (data.valid) return null;
  // The server counts characters, of which some are two of JavaScript's.
  const characters = Array.from(query);
  const index = (count: number) => characters.slice(0, count).join('').length;
  const { message, advice } = parseErrorOf(data.message, query);
  const edit = data.edit ? { start: index(data.edit.start), end: index(data.edit.end), text: data.edit.text } : null;
  return { query, message, start: index(data.start), end: index(data.end), advice, edit };
}
