/** Where lines come from: each sender with what was taken and refused of it. */

import { getJson } from './http';

export interface Refusal {
  reason: string;
  count: number;
  /** What the sender was told. */
  message?: string;
  /** A line, or its beginning. */
  sample?: string;
  /** The setting that would allow it. */
  setting?: string;
}

export interface Source {
  receiver: string;
  client: string;
  agent?: string;
  tenant?: string;
  /** Nanoseconds since 1970. */
  first_seen?: string;
  last_seen?: string;
  entries: number;
  bytes?: number;
  lag_seconds?: number;
  refusals?: Refusal[];
}

export async function fetchSources(aborted: AbortSignal): Promise<Source[]> {
  const { body } = await getJson<{ data: { sources: Source[] } }>('skald/api/v1/sources', {}, aborted);
  return body.data.sources;
}
