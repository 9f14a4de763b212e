/** Rules that the server evaluates, with what became of each evaluation. */

import type { Labels } from './entries';
import { getJson, RequestError } from './http';

export interface Alert {
  labels: Labels;
  annotations: Labels;
  state: 'pending' | 'firing';
  /** RFC 3339, as all times here. */
  activeAt: string;
  value: string;
}

export interface Evaluation {
  at: string;
  seconds: number;
  bytes: number;
  lines: number;
  samples: number;
  error?: string;
}

export interface Rule {
  name: string;
  query: string;
  type: 'alerting' | 'recording';
  /** Of alerting rules. */
  state?: 'unknown' | 'inactive' | 'pending' | 'firing';
  health?: 'unknown' | 'ok' | 'err';
  lastError?: string;
  lastEvaluation?: string;
  evaluationTime?: number;
  duration?: number;
  labels?: Labels;
  annotations?: Labels;
  alerts?: Alert[];
  neverMatched?: boolean;
  /** The newest first. */
  history?: Evaluation[];
}

export interface RuleGroup {
  name: string;
  file?: string;
  interval?: number;
  missed?: number;
  rules: Rule[];
}

export interface Known {
  groups: RuleGroup[];
  /** Whether the server evaluates rules at all. */
  hasRuler: boolean;
}

interface WireRules {
  data: { groups: RuleGroup[] | null };
}

export async function fetchRules(aborted: AbortSignal): Promise<Known> {
  const ask = async (path: string) => (await getJson<WireRules>(path, {}, aborted)).body.data.groups ?? [];
  try {
    return { groups: await ask('skald/api/v1/rules'), hasRuler: true };
  } catch (error) {
    if (!(error instanceof RequestError && error.status === 404)) throw error;
    return { groups: await ask('prometheus/api/v1/rules'), hasRuler: false };
  }
}

/** The worst first: fires, fails, waits, rests. */
export type Condition = 'firing' | 'failed' | 'pending' | 'well' | 'unknown';

export function conditionOf({ state, health }: Rule): Condition {
  if (state === 'firing') return 'firing';
  if (health === 'err') return 'failed';
  if (state === 'pending') return 'pending';
  return state === 'unknown' || health === 'unknown' ? 'unknown' : 'well';
}
