/** A suggestion put into the query that is being typed. */

import type { ChoiceKind } from '../api/complete';

export interface Filled {
  query: string;
  caret: number;
}

/** The query with the choice in place of what stands from `from` to the caret. */
export function fill(query: string, { kind, from }: { kind: ChoiceKind; from: number }, caret: number, choice: string): Filled {
  const rest = query.slice(caret);
  if (kind === 'value') {
    const mark = query[from - 1] ?? '"';
    const inner = mark === '"' ? JSON.stringify(choice).slice(1, -1) : choice;
    const close = rest.startsWith(mark) ? '' : mark + (/^\s*[},]/.test(rest) ? '' : '}');
    const skip = close === '' ? 1 : close.length;
    return { query: query.slice(0, from) + inner + close + rest, caret: from + inner.length + skip };
  }
  const tail = kind === 'label' && isInSelector(query.slice(0, from)) && !/^\s*[=!]/.test(rest) ? '="' : kind === 'function' && !rest.startsWith('(') ? '(' : '';
  return { query: query.slice(0, from) + choice + tail + rest.replace(/^\w+/, ''), caret: from + choice.length + tail.length };
}

/** Labels of a grouping stand alone, those of a selector have a value. */
const isInSelector = (before: string) => before.lastIndexOf('{') > before.lastIndexOf('}');

/** Whether anything may be suggested for what is typed: the server is not asked about the rest. */
export const mayComplete = (before: string) => /[\w{,("`|]\s*$/.test(before);
