/** Words, numbers and times in the language of the person. */

import { signal } from '@preact/signals';
import { language, zone } from '../state/settings';
import { shortDuration } from '../time/range';
import { en } from './en';

export type Key = keyof typeof en;
export type Words = Record<Key, string>;

const words = signal<Words>(en);

/** Loads the chosen language; English is always there. */
export async function loadLanguage() {
  const chosen = language.value;
  words.value = chosen === 'ko' ? (await import('./ko')).ko : en;
  document.documentElement.lang = chosen;
}

export function t(key: Key, values: Record<string, string | number> = {}): string {
  return words.value[key].replaceAll(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    return value === undefined ? whole : typeof value === 'number' ? number(value) : value;
  });
}

const cache = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat>();

function numbers(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = language.value + JSON.stringify(options);
  if (!cache.has(key)) cache.set(key, new Intl.NumberFormat(language.value, options));
  return cache.get(key) as Intl.NumberFormat;
}

export function number(value: number): string {
  return numbers({ maximumFractionDigits: Math.abs(value) < 10 ? 2 : 0 }).format(value);
}

/** `12K`, `3.4M`; in Korean `1.2만`. */
export function compact(value: number): string {
  return numbers({ notation: 'compact', maximumFractionDigits: 1 }).format(value);
}

export function percent(share: number): string {
  return numbers({ style: 'percent', maximumFractionDigits: share < 0.1 ? 1 : 0 }).format(share);
}

export function bytes(count: number): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, count)) / 3)));
  return numbers({ style: 'unit', unit: units[power], unitDisplay: 'narrow', maximumFractionDigits: 1 }).format(count / 1000 ** power);
}

export function seconds(value: number): string {
  if (value >= 120) return lengthText(shortDuration(Math.round(value) * 1000), 'narrow');
  if (value < 0.0001) return numbers({ style: 'unit', unit: 'microsecond', unitDisplay: 'narrow', maximumFractionDigits: value < 0.000_01 ? 1 : 0 }).format(value * 1e6);
  return value < 1
    ? numbers({ style: 'unit', unit: 'millisecond', unitDisplay: 'narrow', maximumFractionDigits: value < 0.01 ? 1 : 0 }).format(value * 1000)
    : numbers({ style: 'unit', unit: 'second', unitDisplay: 'narrow', maximumFractionDigits: 1 }).format(value);
}

const pad = (value: number, length = 2) => String(value).padStart(length, '0');

/** `2026-12-01 03:20:47.123`, the same in every language, so that it can be pasted. */
export function stamp(ms: number, where = zone.value): string {
  return `${day(ms, where)} ${clock(ms, where)}`;
}

export function day(ms: number, where = zone.value): string {
  const d = new Date(ms);
  return where === 'utc'
    ? `${d.getUTCFullYear()}-${pad(d.getUTCMonth() + 1)}-${pad(d.getUTCDate())}`
    : `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())}`;
}

export function clock(ms: number, where = zone.value): string {
  const d = new Date(ms);
  return where === 'utc'
    ? `${pad(d.getUTCHours())}:${pad(d.getUTCMinutes())}:${pad(d.getUTCSeconds())}.${pad(d.getUTCMilliseconds(), 3)}`
    : `${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}.${pad(d.getMilliseconds(), 3)}`;
}

const UNIT_NAMES: Record<string, string> = { ms: 'millisecond', s: 'second', m: 'minute', h: 'hour', d: 'day' };

/** `1h30m` in words: 1 hour 30 minutes, 1시간 30분. */
export function lengthText(short: string, unitDisplay: 'long' | 'narrow' = 'long'): string {
  const parts = [...short.matchAll(/(\d+)(ms|[smhd])/g)];
  return parts
    .map(([, count, unit]) => numbers({ style: 'unit', unit: UNIT_NAMES[unit ?? 's'], unitDisplay }).format(Number(count)))
    .join(' ');
}

/** Both zones, for a hint on hover. */
export function bothZones(ms: number): string {
  return `${stamp(ms, 'local')} (${t('zone.local')})\n${stamp(ms, 'utc')} (UTC)`;
}
