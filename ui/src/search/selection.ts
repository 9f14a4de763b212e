/** Which row has the cursor, which are open; keys move it. */

import { signal } from '@preact/signals';
import type { Entry } from '../api/entries';
import { isBad } from '../levels';
import { isGap, more, rows } from './store';
import { pause } from './tail';

/** Index of the row with the cursor; -1 is none. */
export const current = signal(-1);

/** Ids of open rows. */
export const opened = signal<ReadonlySet<number>>(new Set());

/** Ids of open rows that show the lines around. */
export const withAround = signal<ReadonlySet<number>>(new Set());

function flipped(set: ReadonlySet<number>, key: number): Set<number> {
  const next = new Set(set);
  if (!next.delete(key)) next.add(key);
  return next;
}

export function flipOpen(entry: Entry) {
  opened.value = flipped(opened.value, entry.id);
}

export function flipAround(entry: Entry) {
  const key = entry.id;
  const isShown = opened.value.has(key) && withAround.value.has(key);
  if (!isShown) opened.value = new Set(opened.value).add(key);
  if (isShown || !withAround.value.has(key)) withAround.value = flipped(withAround.value, key);
}

export function forget() {
  current.value = -1;
  opened.value = new Set();
  withAround.value = new Set();
}

export function currentEntry(): Entry | null {
  const row = rows.value[current.value];
  return row && !isGap(row) ? row : null;
}

export function move(by: number) {
  const last = rows.value.length - 1;
  if (last < 0) return;
  // A list that moves under the cursor can't be read.
  pause();
  current.value = Math.min(last, Math.max(0, current.value + by));
  if (current.value > last - 50) void more();
}

/** To the next error down or up; loads pages until there is one. */
export async function moveToError(direction: 1 | -1) {
  let at = current.value + direction;
  while (true) {
    for (; at >= 0 && at < rows.value.length; at += direction) {
      const row = rows.value[at];
      if (row && !isGap(row) && isBad(row.level)) {
        current.value = at;
        return;
      }
    }
    const before = rows.value.length;
    if (direction < 0) return;
    await more();
    if (rows.value.length === before) return;
  }
}
