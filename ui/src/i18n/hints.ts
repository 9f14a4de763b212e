/** Why an answer is empty, which the server says in English. */

import { t, type Key } from '.';

const HINTS: [RegExp, Key][] = [
  [/^there are no entries in this time range, of any stream$/, 'hint.time'],
  [/^the tenant (?<name>".*") has no entries$/, 'hint.tenant'],
  [/^no stream has the label (?<name>".*")$/, 'hint.label'],
  [/^no stream in this time range has the label (?<name>".*")$/, 'hint.label.time'],
  [/^no stream matches (?<name>.*)$/, 'hint.matcher'],
  [/^no stream in this time range matches (?<name>.*)$/, 'hint.matcher.time'],
  [/^each matcher has streams in this time range, but no stream matches all of them$/, 'hint.all'],
  [/^streams match in this time range, but none of their entries came through/, 'hint.stages'],
];

/** The hint in the language of the page; one that is not known stays as it is. */
export function hintText(text: string): string {
  for (const [pattern, key] of HINTS) {
    const found = pattern.exec(text);
    if (found) return t(key, { name: found.groups?.name ?? '' });
  }
  return text;
}
