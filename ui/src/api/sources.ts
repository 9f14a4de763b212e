/** Where lines come from: each sender with what was taken and refused of it. */

import { getJson } from './http';

export interface Refusal {
  reason: string;
  count: number;
  /** The beginning of a refused line, or what the sender was answered. */
  sample: string;
  /** The setting that would allow it. */
  setting: string | null;
  advice: string | null;
}

export interface Source {
  receiver: string;
  client: string;
  user_agent: string;
  tenant: string;
  /** RFC 3339. */
  first_seen: string;
  last_seen: string;
  silent_seconds: number;
  entries: number;
  bytes: number;
  /** Age of the newest entry; null when none was taken. */
  lag_seconds: number | null;
  refused: Refusal[];
}

export async function fetchSources(aborted: AbortSignal): Promise<Source[]> {
  const { body } = await getJson<{ data: { sources: Source[] } }>('skald/api/v1/sources', {}, aborted);
  return body.data.sources;
}
