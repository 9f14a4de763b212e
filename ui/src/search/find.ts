/** Words found in the lines that are shown, without filtering them. */

import { computed, signal } from '@preact/signals';
import { searchedTexts } from '../logql/edit';
import { matcherOf } from '../parts/text';
import { moveToNext } from './selection';
import { ran } from './store';

/** What is looked for; empty is what the query's line filters look for. */
export const sought = signal('');

/** What is marked in lines. */
export const matcher = computed(() => {
  const { texts, patterns } = searchedTexts(ran.value.query);
  return sought.value ? matcherOf({ texts: [sought.value], patterns: [] }, 'any case') : matcherOf({ texts, patterns });
});

/** To the next line down or up with a match. */
export function moveToMatch(direction: 1 | -1) {
  const found = matcher.value;
  if (!found) return;
  // `search` leaves the expression's own place alone, which `test` would move.
  void moveToNext(direction, (entry) => entry.line.search(found) >= 0);
}
