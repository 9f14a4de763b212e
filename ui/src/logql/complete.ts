/** What may stand where the caret is: a label, its value, a stage or a function. */

import { joinQuery, splitQuery, type Matcher } from './split';

export type Place =
  | { kind: 'label'; from: number; typed: string }
  | { kind: 'value'; from: number; typed: string; label: string; mark: string; selector: string }
  | { kind: 'stage'; from: number; typed: string }
  | { kind: 'function'; from: number; typed: string };

export const STAGES = ['json', 'logfmt', 'pattern', 'regexp', 'unpack', 'line_format', 'label_format', 'decolorize', 'drop', 'keep', 'unwrap', 'distinct', 'sort by', 'limit'];

export const FUNCTIONS = [
  'sum', 'avg', 'min', 'max', 'count', 'topk', 'bottomk', 'stddev', 'stdvar', 'quantile_over_time', 'rate', 'count_over_time', 'bytes_rate', 'bytes_over_time',
  'sum_over_time', 'avg_over_time', 'min_over_time', 'max_over_time', 'first_over_time', 'last_over_time', 'absent_over_time', 'rate_counter', 'label_replace', 'sort', 'sort_desc', 'vector',
];

/** The text before the caret: in which bracket and string it ends. */
function scan(text: string): { brace: number; string: number; mark: string } {
  let brace = -1;
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? '';
    if (char === '"' || char === '`') {
      const begin = at + 1;
      for (at++; at < text.length && text[at] !== char; at++) if (char === '"' && text[at] === '\\') at++;
      if (at >= text.length) return { brace, string: begin, mark: char };
    } else if (char === '{') brace = at;
    else if (char === '}') brace = -1;
  }
  return { brace, string: -1, mark: '' };
}

export function placeAt(query: string, caret: number): Place | null {
  const text = query.slice(0, caret);
  const { brace, string, mark } = scan(text);
  if (brace >= 0 && string >= 0) {
    const label = /([A-Za-z_]\w*)\s*(?:=~|!~|!=|=)\s*$/.exec(text.slice(brace + 1, string - 1))?.[1];
    return label ? { kind: 'value', from: string, typed: text.slice(string), label, mark, selector: others(text.slice(brace + 1, string - 1), label) } : null;
  }
  if (string >= 0) return null;
  const typed = /[A-Za-z_]\w*$/.exec(text)?.[0] ?? '';
  const from = caret - typed.length;
  const before = text.slice(0, from);
  if (brace >= 0) return /[{,]\s*$/.test(before) ? { kind: 'label', from, typed } : null;
  if (/\|\s*$/.test(before)) return { kind: 'stage', from, typed };
  if (typed.length > 1 && /(^|[(,+\-*/]|\b(and|or|unless)\s)\s*$/.test(before) && !/^\s*\{[^}]*$/.test(before)) return { kind: 'function', from, typed };
  return null;
}

/** A selector of the matchers before this one, which its values are asked under. */
function others(inside: string, label: string): string {
  const whole = inside.replace(/[A-Za-z_]\w*\s*(?:=~|!~|!=|=)\s*$/, '');
  const matchers: Matcher[] = splitQuery(`{${whole.replace(/,\s*$/, '')}}`)?.matchers ?? [];
  return joinQuery({ matchers: matchers.filter((m) => m.name !== label), stages: [] });
}

export interface Filled {
  query: string;
  caret: number;
}

/** The query with the choice in its place. */
export function fill(query: string, place: Place, caret: number, choice: string): Filled {
  const rest = query.slice(caret);
  if (place.kind === 'value') {
    const inner = place.mark === '"' ? JSON.stringify(choice).slice(1, -1) : choice;
    const close = rest.startsWith(place.mark) ? '' : place.mark + (/^\s*[},]/.test(rest) ? '' : '}');
    const skip = close === '' ? 1 : close.length;
    return { query: query.slice(0, place.from) + inner + close + rest, caret: place.from + inner.length + skip };
  }
  const tail = place.kind === 'label' && !/^\s*[=!]/.test(rest) ? '="' : place.kind === 'function' && !rest.startsWith('(') ? '(' : '';
  return { query: query.slice(0, place.from) + choice + tail + rest.replace(/^\w+/, ''), caret: place.from + choice.length + tail.length };
}

/** Those that begin with what is typed, then those that hold it; at most `limit`. */
export function matching(choices: string[], typed: string, limit: number): string[] {
  const low = typed.toLowerCase();
  const begins = choices.filter((c) => c.toLowerCase().startsWith(low) && c !== typed);
  const holds = low ? choices.filter((c) => !c.toLowerCase().startsWith(low) && c.toLowerCase().includes(low)) : [];
  return [...begins, ...holds].slice(0, limit);
}
