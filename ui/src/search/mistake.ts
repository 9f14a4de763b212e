/** What is wrong with the query that is being typed, asked when typing rests. */

import { computed, effect, signal } from '@preact/signals';
import { fetchMistake, type Mistake } from '../api/parse';
import { draft } from './draft';
import { failure, ran } from './store';

/** A rest this long ends a word. */
const WAIT_MS = 250;

/** The word at the caret is still being written; after this long it is taken for finished. */
const WRITING_MS = 1200;

const found = signal<Mistake | null>(null);
/** Whether the mistake is only what is still to be written. */
const isWriting = signal(false);

let timer = 0;
let asked = new AbortController();

/** Of the query as it stands in the field; one of an earlier text is none. */
export const mistake = computed(() => (found.value?.query === draft.value ? found.value : null));

/** What stands at the end is missing, which is no mistake yet. */
export const isUnfinished = computed(() => mistake.value !== null && mistake.value.start >= draft.value.trimEnd().length);

/** Marked at its place: neither missing words nor the one that is being written. */
export const marked = computed(() => (mistake.value && !isUnfinished.value && !isWriting.value ? mistake.value : null));

/** Looks when typing rests. */
export function checkSoon(caret: number) {
  clearTimeout(timer);
  asked.abort();
  isWriting.value = true;
  timer = setTimeout(() => void check(caret), WAIT_MS);
}

async function check(caret: number) {
  asked = new AbortController();
  const { signal: aborted } = asked;
  const query = draft.value;
  if (!query.trim()) {
    found.value = null;
    return;
  }
  const answer = await fetchMistake(query, aborted).catch(() => null);
  if (aborted.aborted) return;
  found.value = answer;
  const isAtCaret = answer !== null && caret >= answer.start && caret >= query.trimEnd().length && answer.end >= caret;
  if (!isAtCaret) isWriting.value = false;
  else timer = setTimeout(() => (isWriting.value = false), WRITING_MS);
}

/** A query that was run has been written; what repairs it is asked for then. */
effect(() => {
  if (failure.value?.trouble !== 'refused' || !failure.value.message.startsWith('parse error')) return;
  if (draft.peek().trim() !== ran.peek().query || found.peek()?.query === draft.peek()) return;
  clearTimeout(timer);
  asked.abort();
  isWriting.value = false;
  void check(-1);
});

/** Carries out the edit that repairs the query, so that the browser can undo it. */
export function repair(field: HTMLTextAreaElement | null) {
  const edit = mistake.value?.edit;
  if (!edit || !field) return;
  field.focus();
  field.setSelectionRange(edit.start, edit.end);
  const isDone = edit.text === '' ? document.execCommand('delete') : document.execCommand('insertText', false, edit.text);
  if (isDone) return;
  field.setRangeText(edit.text, edit.start, edit.end, 'end');
  draft.value = field.value;
  checkSoon(-1);
}
