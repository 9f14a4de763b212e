/** Time ranges as people type them, and as the URL keeps them. */

/** Both ends as expressions: `now`, `now-15m`, or milliseconds since 1970. */
export interface Range {
  from: string;
  to: string;
}

/** Both ends in milliseconds since 1970; the end is the first instant after. */
export interface Span {
  start: number;
  end: number;
}

export type Zone = 'local' | 'utc';

export const DEFAULT_RANGE: Range = { from: 'now-1h', to: 'now' };

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;

/** On each side of a single instant. */
const AROUND = 5 * MINUTE;

const UNITS: [RegExp, number][] = [
  [/^(ms|milliseconds?|밀리초)$/, 1],
  [/^(s|secs?|seconds?|초)$/, SECOND],
  [/^(m|mins?|minutes?|분)$/, MINUTE],
  [/^(h|hrs?|hours?|시간)$/, HOUR],
  [/^(d|days?|일)$/, DAY],
  [/^(w|weeks?|주)$/, WEEK],
  [/^(mo|months?|개월|달)$/, 30 * DAY],
  [/^(y|years?|년)$/, 365 * DAY],
];

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** `1h 30m`, `2 days`, `15분` in milliseconds. */
export function parseDuration(text: string): number | null {
  const compact = text.trim().toLowerCase();
  if (!/^(\d+(\.\d+)?\s*[a-z가-힣]+\s*)+$/.test(compact)) return null;
  let total = 0;
  for (const [, number, unit] of compact.matchAll(/(\d+(?:\.\d+)?)\s*([a-z가-힣]+)/g)) {
    const found = UNITS.find(([name]) => name.test(unit ?? ''));
    if (!found) return null;
    total += Number(number) * found[1];
  }
  return total > 0 ? total : null;
}

/** The largest unit first, without rest: `1h30m`, `2d`. */
export function shortDuration(ms: number): string {
  const parts: string[] = [];
  let rest = Math.round(ms);
  for (const [name, size] of [['d', DAY], ['h', HOUR], ['m', MINUTE], ['s', SECOND], ['ms', 1]] as const) {
    const count = Math.floor(rest / size);
    if (count > 0) parts.push(`${count}${name}`);
    rest -= count * size;
  }
  return parts.join('') || '0s';
}

function instant(zone: Zone, y: number, mo: number, d: number, h = 0, mi = 0, s = 0, ms = 0): number {
  return zone === 'utc' ? Date.UTC(y, mo, d, h, mi, s, ms) : new Date(y, mo, d, h, mi, s, ms).getTime();
}

function dayOf(zone: Zone, at: number): [number, number, number] {
  const date = new Date(at);
  return zone === 'utc'
    ? [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()]
    : [date.getFullYear(), date.getMonth(), date.getDate()];
}

function offsetOf(text: string | undefined): number | null {
  if (!text) return null;
  if (/^z$/i.test(text)) return 0;
  const match = /^([+-])(\d\d):?(\d\d)$/.exec(text);
  if (!match) return null;
  return (match[1] === '-' ? -1 : 1) * (Number(match[2]) * HOUR + Number(match[3]) * MINUTE);
}

/** An instant with how much it leaves open: a day, a minute, or nothing. */
interface Point {
  at: number;
  width: number;
}

function fraction(text: string | undefined): number {
  return text ? Math.floor(Number(`0.${text}`) * 1000) : 0;
}

function parseStamp(text: string, zone: Zone, now: number): Point | null {
  const iso = /^(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T ]+(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?\s*(Z|[+-]\d\d:?\d\d)?)?$/i.exec(text);
  if (iso) {
    const [, y, mo, d, h, mi, s, f, zoneText] = iso;
    const offset = offsetOf(zoneText);
    const at = instant(offset === null ? zone : 'utc', Number(y), Number(mo) - 1, Number(d), Number(h ?? 0), Number(mi ?? 0), Number(s ?? 0), fraction(f));
    return { at: at - (offset ?? 0), width: h === undefined ? DAY : s === undefined ? MINUTE : 0 };
  }
  // 01/Mar/2026:00:00:02 +0000, as web servers write it.
  const web = /^\[?(\d{1,2})\/([a-z]{3})\/(\d{4}):(\d\d):(\d\d):(\d\d)\s*([+-]\d{4})?\]?$/i.exec(text);
  if (web) {
    const [, d, name, y, h, mi, s, zoneText] = web;
    const month = MONTHS.indexOf((name ?? '').toLowerCase());
    const offset = offsetOf(zoneText);
    if (month < 0) return null;
    const at = instant(offset === null ? zone : 'utc', Number(y), month, Number(d), Number(h), Number(mi), Number(s));
    return { at: at - (offset ?? 0), width: 0 };
  }
  // Dec  1 03:20:47, as syslog writes it; Jan 1; Jan 1 2026 14:02.
  const named = /^(?:[a-z]{3},?\s+)?([a-z]{3})[a-z]*\s+(\d{1,2})(?:,?\s+(\d{4}))?(?:,?\s+(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?)?$/i.exec(text);
  if (named) {
    const [, name, d, y, h, mi, s, f] = named;
    const month = MONTHS.indexOf((name ?? '').toLowerCase());
    if (month < 0) return null;
    const year = y ? Number(y) : dayOf(zone, now)[0];
    let at = instant(zone, year, month, Number(d), Number(h ?? 0), Number(mi ?? 0), Number(s ?? 0), fraction(f));
    if (!y && at > now + DAY) at = instant(zone, year - 1, month, Number(d), Number(h ?? 0), Number(mi ?? 0), Number(s ?? 0), fraction(f));
    return { at, width: h === undefined ? DAY : s === undefined ? MINUTE : 0 };
  }
  return null;
}

function parsePoint(input: string, zone: Zone, now: number): Point | null {
  const text = input.trim();
  const lower = text.toLowerCase();
  if (lower === 'now' || lower === '지금') return { at: now, width: 0 };
  if (lower === 'today' || lower === '오늘') return { at: instant(zone, ...dayOf(zone, now)), width: DAY };
  if (lower === 'yesterday' || lower === '어제') {
    const [y, m, d] = dayOf(zone, now);
    return { at: instant(zone, y, m, d - 1), width: DAY };
  }
  const relative = /^(?:now|지금)\s*([+-])\s*(.+)$/.exec(lower);
  if (relative) {
    const length = parseDuration(relative[2] ?? '');
    return length === null ? null : { at: relative[1] === '-' ? now - length : now + length, width: 0 };
  }
  const ago = /^(.+?)\s*(?:ago|전)$/.exec(lower);
  if (ago) {
    const length = parseDuration(ago[1] ?? '');
    return length === null ? null : { at: now - length, width: 0 };
  }
  const clock = /^(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?$/.exec(text);
  if (clock) {
    const [, h, mi, s, f] = clock;
    const [y, mo, d] = dayOf(zone, now);
    const on = (day: number) => instant(zone, y, mo, day, Number(h), Number(mi), Number(s ?? 0), fraction(f));
    if (Number(h) > 24 || Number(mi) > 59) return null;
    return { at: on(d) > now ? on(d - 1) : on(d), width: s === undefined ? MINUTE : 0 };
  }
  const epoch = epochMs(text);
  if (epoch !== null) return { at: epoch, width: 0 };
  return parseStamp(text, zone, now);
}

/** Seconds, milliseconds, microseconds or nanoseconds since 1970, told by their size. */
export function epochMs(text: string): number | null {
  if (!/^\d{9,19}(\.\d+)?$/.test(text)) return null;
  const digits = text.split('.')[0] ?? '';
  const value = Number(text);
  if (digits.length <= 10) return Math.floor(value * 1000);
  if (digits.length <= 13) return Math.floor(value);
  if (digits.length <= 16) return Math.floor(value / 1000);
  return Math.floor(value / 1e6);
}

function expression(text: string, point: Point): string {
  const lower = text.trim().toLowerCase();
  if (lower === 'now' || lower === '지금') return 'now';
  const relative = /^(?:now|지금)\s*-\s*(.+)$/.exec(lower) ?? /^(.+?)\s*(?:ago|전)$/.exec(lower);
  const length = relative && parseDuration(relative[1] ?? '');
  return length ? `now-${shortDuration(length)}` : String(point.at);
}

/** What a typed text means; null when nothing. */
export function parseRange(input: string, zone: Zone = 'local', now = Date.now()): Range | null {
  const text = input.trim().replaceAll(/\s+/g, ' ').replace(/^["'[(]+|["'\])]+$/g, '');
  if (!text) return null;
  const last = parseDuration(text.replace(/^(last|past|the last|최근|지난)\s*/i, ''));
  if (last !== null) return { from: `now-${shortDuration(last)}`, to: 'now' };
  const point = parsePoint(text, zone, now);
  if (point) {
    if (/^(now|지금)\s*-|ago$|전$/i.test(text)) return { from: expression(text, point), to: 'now' };
    if (point.width === DAY) return { from: String(point.at), to: String(Math.min(point.at + DAY, Math.max(now, point.at + HOUR))) };
    return { from: String(point.at - AROUND), to: String(point.at + point.width + AROUND) };
  }
  for (const separator of [' to ', ' until ', ' ~ ', '~', ' – ', '–', ' - ', '..', '-', '/', '부터']) {
    for (let at = text.toLowerCase().indexOf(separator); at > 0; at = text.toLowerCase().indexOf(separator, at + 1)) {
      const [a, b] = [text.slice(0, at).trim(), text.slice(at + separator.length).trim().replace(/까지$/, '').trim()];
      const from = parsePoint(a, zone, now);
      let to = parsePoint(b, zone, now);
      // "Dec 1 14:02 - 14:10": the second is of the same day.
      if (from && to && /^\d{1,2}:\d\d/.test(b)) {
        const [y, mo, d] = dayOf(zone, from.at);
        const [h = '0', mi = '0', s = '0'] = b.split(':');
        let end = instant(zone, y, mo, d, Number(h), Number(mi), Math.floor(Number(s)));
        if (end <= from.at) end += DAY;
        to = { at: end, width: 0 };
      }
      if (from && to && from.at < to.at + to.width) {
        const end = to.width === DAY ? to.at + DAY : to.at;
        return { from: expression(a, from), to: to.width === DAY ? String(end) : expression(b, { at: end, width: 0 }) };
      }
    }
  }
  return null;
}

/** An end of a range in milliseconds; null when it is no expression. */
export function resolveEnd(text: string, now = Date.now()): number | null {
  if (text === 'now') return now;
  const relative = /^now-(.+)$/.exec(text);
  if (relative) {
    const length = parseDuration(relative[1] ?? '');
    return length === null ? null : now - length;
  }
  return epochMs(text) ?? (Number.isNaN(Date.parse(text)) ? null : Date.parse(text));
}

export function resolve(range: Range, now = Date.now()): Span {
  const start = resolveEnd(range.from, now);
  const end = resolveEnd(range.to, now);
  const last = end ?? now;
  const first = start ?? last - HOUR;
  return first < last ? { start: first, end: last } : { start: last - MINUTE, end: last };
}

export function isLive(range: Range): boolean {
  return range.to === 'now';
}

/** The range before or after, of the same length. */
export function shift(range: Range, direction: -1 | 1, now = Date.now()): Range {
  const { start, end } = resolve(range, now);
  const by = Math.max(1, Math.round((end - start) / 2)) * direction;
  return { from: String(start + by), to: String(end + by) };
}

/** Twice as long around the same middle, not beyond now. */
export function zoomOut(range: Range, now = Date.now()): Range {
  const { start, end } = resolve(range, now);
  const length = end - start;
  if (isLive(range)) return { from: `now-${shortDuration(length * 2)}`, to: 'now' };
  const to = Math.min(end + length / 2, Math.max(now, end));
  return { from: String(Math.round(to - length * 2)), to: String(Math.round(to)) };
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 604800];

/** The step of a histogram with at most `bars` bars, in seconds. */
export function histogramStep(span: Span, bars: number): number {
  const seconds = (span.end - span.start) / 1000;
  const found = STEPS.find((step) => seconds / step <= bars);
  return found ?? Math.ceil(seconds / bars / 604800) * 604800;
}
