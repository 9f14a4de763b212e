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

/** Where the server listens; syslog's listeners count what they took and lost. */
export interface Listener {
  protocol: string;
  address: string;
  messages?: number;
  dropped?: number;
  refused_connections?: number;
}

export interface Sources {
  sources: Source[];
  /** Rows that were forgotten because there were too many. */
  forgotten: number;
  /** Only for who may see all tenants. */
  listeners?: Listener[];
  auth_enabled?: boolean;
}

export async function fetchSources(aborted: AbortSignal): Promise<Sources> {
  return (await getJson<{ data: Sources }>('skald/api/v1/sources', {}, aborted)).body.data;
}
