/** Templates of lines, and how often each occurs: templates are mined, counts are exact. */

import { quote } from '../logql/split';
import { levelOf, type Level } from '../levels';
import type { Span } from '../time/range';
import { spanNs } from './entries';
import { getJson } from './http';
import { queryInstant, rangeText } from './metrics';

export interface Mined {
  pattern: string;
  level: Level;
  /** Scaled up from a sample. */
  estimate: number;
}

interface WirePatterns {
  data?: { pattern: string; level?: string; samples: [number, number][] }[];
}

export async function fetchPatterns(selector: string, span: Span, aborted: AbortSignal): Promise<Mined[]> {
  const { body } = await getJson<WirePatterns>('loki/api/v1/patterns', { query: selector, ...spanNs(span) }, aborted);
  return (body.data ?? []).map(({ pattern, level, samples }) => ({
    pattern,
    level: levelOf(level),
    estimate: samples.reduce((sum, [, count]) => sum + count, 0),
  }));
}

/** The query narrowed to the lines of a template. */
export function ofPattern(query: string, pattern: string, op: '|>' | '!>' = '|>'): string {
  return `${query} ${op} ${quote(pattern)}`;
}

export async function countLines(query: string, span: Span, aborted: AbortSignal): Promise<number> {
  const found = await queryInstant(`sum(count_over_time(${query} [${rangeText(span)}]))`, span.end, aborted);
  return found[0]?.points[0]?.[1] ?? 0;
}
