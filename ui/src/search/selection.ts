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

/** Ids of rows that are chosen to be copied. */
export const chosen = signal<ReadonlySet<number>>(new Set());

export function flipChosen(entry: Entry) {
  chosen.value = flipped(chosen.value, entry.id);
}

/** Chooses all rows from the one with the cursor to another, which gets the cursor. */
export function chooseTo(index: number) {
  const [first, last] = [Math.max(0, Math.min(current.value, index)), Math.max(current.value, index)];
  const ids = rows.value.slice(first, last + 1).flatMap((row) => (isGap(row) ? [] : [row.id]));
  chosen.value = new Set([...chosen.value, ...ids]);
  current.value = index;
}

/** Chooses the row with the cursor and its neighbour, which gets the cursor. */
export function chooseNext(by: 1 | -1) {
  const index = current.value + by;
  if (index < 0 || index >= rows.value.length) return;
  pause();
  chooseTo(index);
}

/** The chosen entries in the order of the list; without any the one with the cursor. */
export function chosenEntries(): Entry[] {
  if (chosen.value.size) return rows.value.filter((row): row is Entry => !isGap(row) && chosen.value.has(row.id));
  const entry = currentEntry();
  return entry ? [entry] : [];
}

export function forget() {
  current.value = -1;
  chosen.value = new Set();
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

export const moveToError = (direction: 1 | -1) => moveToNext(direction, (entry) => isBad(entry.level));

/** To the next row down or up that is meant; loads pages until there is one. */
export async function moveToNext(direction: 1 | -1, isMeant: (entry: Entry) => boolean) {
  pause();
  let at = current.value + direction;
  while (true) {
    for (; at >= 0 && at < rows.value.length; at += direction) {
      const row = rows.value[at];
      if (row && !isGap(row) && isMeant(row)) {
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
