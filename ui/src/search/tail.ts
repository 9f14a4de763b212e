/**
 * The live tail: new lines as they come, every one shown, waiting, or counted in a gap.
 *
 * What the server dropped because the page was slow is a gap row, which loads its lines from the store.
 */

import { batch, computed, signal } from '@preact/signals';
import { fetchPage, followEntries, keyOf, nsOf, type Entry } from '../api/entries';
import { RequestError } from '../api/http';
import { isBad } from '../levels';
import { failure, failureOf, isGap, makeGap, ran, rows, stop, type Row } from './store';

/** Rows that stay; older ones go, as in a terminal. */
const ROWS_MAX = 20_000;
const CHARS_MAX = 32_000_000;

/** Rows are shown this often: faster than an eye follows, slow enough to leave time for clicks. */
const SHOW_EVERY_MS = 120;

/** Keys of the newest entries, by which a resumed tail knows what it has. */
const SEEN_MAX = 50_000;

/** Entries of one request that fetches what a tail has not seen. */
const CATCH_UP_PAGE = 5000;

export type TailState = 'off' | 'opening' | 'on' | 'again';

export const tail = signal<TailState>('off');
export const isPaused = signal(false);
export const since = signal(0);
/** Lines that arrived since the tail began: shown, waiting or in gaps. */
export const arrived = signal(0);
export const errors = signal(0);
export const waiting = signal<Row[]>([]);
export const retryIn = signal(0);
export const waitingCount = computed(() => waiting.value.reduce((sum, row) => sum + (isGap(row) ? row.gap : 1), 0));

let aborter: AbortController | null = null;
let incoming: Row[] = [];
/** While older entries are fetched, newer ones wait, so that the list stays in order. */
let isCatchingUp = false;
let timer = 0;

/** Begins to follow the query that is shown. */
export function follow(query: string) {
  endTail();
  stop();
  aborter = new AbortController();
  batch(() => {
    tail.value = 'opening';
    isPaused.value = false;
    since.value = Date.now();
    arrived.value = errors.value = 0;
    waiting.value = [];
    failure.value = null;
  });
  void keepFollowing(query, aborter.signal);
}

export function endTail() {
  aborter?.abort();
  aborter = null;
  clearTimeout(timer);
  timer = 0;
  incoming = [];
  if (tail.value === 'off') return;
  batch(() => {
    tail.value = 'off';
    isPaused.value = false;
    rows.value = merged(rows.value, waiting.value);
    waiting.value = [];
  });
}

export function pause() {
  if (tail.value !== 'off') isPaused.value = true;
}

export function resume() {
  batch(() => {
    isPaused.value = false;
    rows.value = merged(rows.value, waiting.value);
    waiting.value = [];
  });
}

/** Reads until the tail is switched off; a broken connection goes on after the last entry. */
async function keepFollowing(query: string, aborted: AbortSignal) {
  const seen = new Seen();
  for (const row of rows.value.slice(0, SEEN_MAX).toReversed()) if (!isGap(row)) seen.isNew(row);
  const newest = rows.value[0];
  let last = newest && !isGap(newest) ? newest.ns : nsOf(ran.value.span.end);
  let delay = 1;
  const take = (entries: Entry[], into: Row[]) => {
    for (const entry of entries) {
      if (seen.isNew(entry)) into.push(entry);
      if (isAfter(entry.ns, last)) last = entry.ns;
    }
  };
  while (!aborted.aborted) {
    try {
      const from = last;
      const opened = () => {
        tail.value = 'on';
        void catchUp(query, from, take, aborted);
      };
      const connection = whileVisible(aborted);
      for await (const { entries, dropped } of followEntries(query, nsOf(Date.now()), 1, connection, opened)) {
        delay = 1;
        if (dropped.length) incoming.push(gapOf(dropped));
        take(entries, incoming);
        if (incoming.length && !timer) timer = setTimeout(show, SHOW_EVERY_MS);
      }
    } catch (error) {
      if (aborted.aborted) return;
      if (error instanceof RequestError && error.trouble !== 'gone' && error.trouble !== 'broken') {
        endTail();
        failure.value = failureOf(error);
        return;
      }
    }
    if (aborted.aborted) return;
    if (document.hidden) {
      await visible();
      continue;
    }
    tail.value = 'again';
    for (retryIn.value = delay; retryIn.value > 0 && !aborted.aborted; retryIn.value--) await new Promise((done) => setTimeout(done, 1000));
    delay = Math.min(delay * 2, 15);
  }
}

/** A hidden tab holds its connection this long: a browser has six for a server over HTTP/1.1. */
const HIDDEN_MS = 20_000;

/** Aborts with the tail, and when the page has been hidden for a while. */
function whileVisible(aborted: AbortSignal): AbortSignal {
  const connection = new AbortController();
  let patience = 0;
  const look = () => {
    clearTimeout(patience);
    if (document.hidden) patience = setTimeout(() => connection.abort(), HIDDEN_MS);
  };
  document.addEventListener('visibilitychange', look, { signal: connection.signal });
  aborted.addEventListener('abort', () => connection.abort(), { once: true, signal: connection.signal });
  look();
  return connection.signal;
}

function visible(): Promise<void> {
  return new Promise((done) => {
    const look = () => {
      if (document.hidden) return;
      document.removeEventListener('visibilitychange', look);
      done();
    };
    document.addEventListener('visibilitychange', look);
    look();
  });
}

/** Fetches what arrived between the newest entry that is shown and the beginning of the tail. */
async function catchUp(query: string, from: string, take: (entries: Entry[], into: Row[]) => void, aborted: AbortSignal) {
  isCatchingUp = true;
  const missed: Row[] = [];
  const end = nsOf(Date.now() + 1000);
  try {
    let cursor: string | null = null;
    do {
      const page = await fetchPage({ query, start: from, end, limit: CATCH_UP_PAGE, forward: true, cursor }, aborted);
      take(page.entries, missed);
      cursor = page.cursor;
    } while (cursor && missed.length < ROWS_MAX);
    if (cursor) missed.push(makeGap(0, (missed.at(-1) as Entry).ns, end, true));
  } catch {
    // The connection that broke here breaks the tail too, which begins again from the last entry.
  }
  isCatchingUp = false;
  incoming = missed.concat(incoming);
  if (incoming.length && !timer && !aborted.aborted) timer = setTimeout(show, SHOW_EVERY_MS);
}

const isAfter = (a: string, b: string) => a.length > b.length || (a.length === b.length && a > b);

class Seen {
  private keys = new Set<string>();

  isNew(entry: Entry): boolean {
    const key = keyOf(entry);
    if (this.keys.has(key)) return false;
    this.keys.add(key);
    if (this.keys.size > SEEN_MAX) {
      const oldest = this.keys.values().next();
      if (!oldest.done) this.keys.delete(oldest.value);
    }
    return true;
  }
}

/** The server lists no more dropped entries than this in one report. */
const REPORTED_MAX = 1000;

function gapOf(dropped: { ns: string }[]): Row {
  const times = dropped.map((d) => d.ns).toSorted();
  if (dropped.length >= REPORTED_MAX) return makeGap(dropped.length, times[0] ?? '0', nsOf(Date.now() + 1000), true);
  return makeGap(dropped.length, times[0] ?? '0', (BigInt(times.at(-1) ?? '0') + 1n).toString());
}

function show() {
  timer = 0;
  if (isCatchingUp) return;
  const fresh = incoming;
  incoming = [];
  batch(() => {
    for (const row of fresh) {
      arrived.value += isGap(row) ? row.gap : 1;
      if (!isGap(row) && isBad(row.level)) errors.value++;
    }
    if (isPaused.value) waiting.value = bounded(waiting.value.concat(fresh), 'front');
    else rows.value = merged(rows.value, fresh);
  });
}

/** Newest first, as all of the list. */
function merged(old: Row[], fresh: Row[]): Row[] {
  return fresh.length ? bounded(fresh.toReversed().concat(old), 'back') : old;
}

/** What fits into memory; what a pause can't hold becomes a gap, so that nothing is lost unseen. */
function bounded(list: Row[], drop: 'front' | 'back'): Row[] {
  let chars = 0;
  const size = (row: Row) => (isGap(row) ? 0 : row.line.length + 200);
  const whole = list.reduce((sum, row) => sum + size(row), 0);
  if (list.length <= ROWS_MAX && whole <= CHARS_MAX) return list;
  if (drop === 'back') {
    const end = list.findIndex((row, i) => i >= ROWS_MAX || (chars += size(row)) > CHARS_MAX);
    return list.slice(0, Math.max(1, end));
  }
  const kept = list.slice(-ROWS_MAX / 2);
  const lost = list.slice(0, list.length - kept.length);
  const times = lost.flatMap((row) => (isGap(row) ? [row.startNs, row.endNs] : [row.ns])).toSorted();
  const gap = lost.reduce((sum, row) => sum + (isGap(row) ? row.gap : 1), 0);
  return [makeGap(gap, times[0] ?? '0', (BigInt(times.at(-1) ?? '0') + 1n).toString()), ...kept];
}

/** Puts the lines of a gap in its place. */
export async function loadGap(gap: Row) {
  if (!isGap(gap)) return;
  const { query } = ran.value;
  const shown = new Set(rows.value.flatMap((row) => (isGap(row) ? [] : [keyOf(row)])));
  const found: Entry[] = [];
  let cursor: string | null = null;
  do {
    const page = await fetchPage({ query, start: gap.startNs, end: gap.endNs, limit: 5000, forward: false, cursor });
    found.push(...page.entries.filter((entry) => !shown.has(keyOf(entry))));
    cursor = page.cursor;
  } while (cursor && found.length < ROWS_MAX);
  const at = rows.value.indexOf(gap);
  if (at < 0) return;
  batch(() => {
    rows.value = rows.value.toSpliced(at, 1, ...found);
    // Now it is known how many they were.
    if (tail.value !== 'off') arrived.value += found.length - gap.gap;
  });
}
