/** What is stored: bytes, lines and streams, labels, limits, delete requests. */

import type { Span } from '../time/range';
import { spanNs } from './entries';
import { address, getJson, request } from './http';
import { quote } from '../logql/split';
import { parseDuration } from '../time/range';

export interface Amount {
  streams: number;
  bytes: number;
  entries: number;
}

export interface ServiceAmount extends Amount {
  name: string;
}

export async function fetchAmount(selector: string, span: Span, aborted: AbortSignal): Promise<Amount> {
  const { body } = await getJson<Amount>('loki/api/v1/index/stats', { query: selector, ...spanNs(span) }, aborted);
  return body;
}

interface WireVolume {
  data: { result: { metric: { service_name?: string } }[] };
}

/** Services that have their own row. */
const SERVICES_MAX = 40;

/** Services by bytes, the largest first. */
export async function fetchServiceAmounts(span: Span, aborted: AbortSignal): Promise<ServiceAmount[]> {
  const params = { query: '{}', targetLabels: 'service_name', limit: SERVICES_MAX, ...spanNs(span) };
  const { body } = await getJson<WireVolume>('loki/api/v1/index/volume', params, aborted);
  const names = body.data.result.map(({ metric }) => metric.service_name ?? '');
  const all = await Promise.all(names.map(async (name) => Object.assign({ name }, await fetchAmount(`{service_name=${quote(name)}}`, span, aborted))));
  return all.toSorted((a, b) => b.bytes - a.bytes);
}

export interface LabelAmount {
  label: string;
  cardinality: number;
}

export async function fetchLabelAmounts(span: Span, aborted: AbortSignal): Promise<LabelAmount[]> {
  const { body } = await getJson<{ detectedLabels?: LabelAmount[] }>('loki/api/v1/detected_labels', spanNs(span), aborted);
  return (body.detectedLabels ?? []).toSorted((a, b) => b.cardinality - a.cardinality);
}

export interface Limits {
  retention_period: string;
  retention_stream: { selector?: string; period?: string; priority?: number }[];
  max_query_length: string;
}

export async function fetchLimits(aborted?: AbortSignal): Promise<Limits> {
  const { body } = await getJson<{ limits: Limits }>('loki/api/v1/drilldown-limits', {}, aborted);
  return body.limits;
}

/** A duration of the limits, in milliseconds; 0 is no limit. */
export function limitMs(text: string): number {
  return parseDuration(text.replaceAll(/(\d+[a-z]+)/g, '$1 ')) ?? 0;
}

export interface DeleteRequest {
  request_id: string;
  start_time: number;
  end_time: number;
  query: string;
  status: string;
  created_at: number;
}

export async function fetchDeletes(aborted: AbortSignal): Promise<DeleteRequest[]> {
  const { body } = await getJson<DeleteRequest[] | null>('loki/api/v1/delete', {}, aborted);
  return (body ?? []).toSorted((a, b) => b.created_at - a.created_at);
}

export async function requestDelete(query: string, span: Span) {
  const params = { query, start: Math.floor(span.start / 1000), end: Math.min(Math.ceil(span.end / 1000), Math.floor(Date.now() / 1000)) };
  await request(address('loki/api/v1/delete', params), { method: 'POST' });
}

export async function cancelDelete(id: string) {
  await request(address('loki/api/v1/delete', { request_id: id }), { method: 'DELETE' });
}
