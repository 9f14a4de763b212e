/**
 * A log query taken apart into matchers and stages, for chips and edits.
 *
 * Not a parser: the server says what is right. What this can't take apart is left alone.
 */

export type Op = '=' | '!=' | '=~' | '!~';

export interface Matcher {
  name: string;
  op: Op;
  value: string;
}

export interface SplitQuery {
  matchers: Matcher[];
  /** Each with its pipe, trimmed: `|= "x"`, `| json`. */
  stages: string[];
}

/** Stages after whose words a `!=` or `!~` begins a line filter of its own. */
const PARSERS = /^\|\s*(json|logfmt|unpack|regexp|pattern|decolorize|line_format|label_format|drop|keep|unwrap)\b/;

/** The index after the text that begins at `at`, or -1 when it has no end. */
function endOfString(text: string, at: number): number {
  const mark = text[at];
  for (let i = at + 1; i < text.length; i++) {
    if (text[i] === '\\' && mark === '"') i++;
    else if (text[i] === mark) return i + 1;
  }
  return -1;
}

/** The value of a text in quotes as it stands in a query. */
export function unquote(quoted: string): string {
  if (quoted.startsWith('`')) return quoted.slice(1, -1);
  const simple: Record<string, string> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', v: '\v', a: '\u0007' };
  return quoted.slice(1, -1).replaceAll(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)/gs, (_, escape: string) => {
    if (/^[xuU]/.test(escape) && escape.length > 1) return String.fromCodePoint(Number.parseInt(escape.slice(1), 16));
    if (/^[0-7]{3}$/.test(escape)) return String.fromCodePoint(Number.parseInt(escape, 8));
    return simple[escape] ?? escape;
  });
}

/** A text in quotes: backticks where double quotes would need escapes. */
export function quote(value: string): string {
  if (/["\\]/.test(value) && !/[`\u0000-\u001f\u007f]/.test(value)) return `\`${value}\``;
  return JSON.stringify(value).replaceAll('\u007f', '\\u007f');
}

function splitMatchers(inside: string): Matcher[] | null {
  const matchers: Matcher[] = [];
  let at = 0;
  const skip = (pattern: RegExp): string | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(inside);
    if (!match) return null;
    at = pattern.lastIndex;
    return match[0];
  };
  while (true) {
    skip(/\s*/y);
    if (at >= inside.length) return matchers;
    const name = skip(/[a-zA-Z_][a-zA-Z0-9_]*/y);
    skip(/\s*/y);
    const op = skip(/=~|!~|!=|=/y) as Op | null;
    skip(/\s*/y);
    if (!name || !op || (inside[at] !== '"' && inside[at] !== '`')) return null;
    const end = endOfString(inside, at);
    if (end < 0) return null;
    matchers.push({ name, op, value: unquote(inside.slice(at, end)) });
    at = end;
    skip(/\s*/y);
    if (at < inside.length && skip(/,/y) === null) return null;
  }
}

/** Null for metric queries, comments and what is broken. */
export function splitQuery(query: string): SplitQuery | null {
  const text = query.trim();
  if (!text.startsWith('{')) return null;
  let at = 1;
  while (at < text.length && text[at] !== '}') {
    if (text[at] === '"' || text[at] === '`') {
      at = endOfString(text, at);
      if (at < 0) return null;
    } else at++;
  }
  if (at >= text.length) return null;
  const matchers = splitMatchers(text.slice(1, at));
  if (!matchers) return null;
  const stages = splitStages(text.slice(at + 1));
  return stages && { matchers, stages };
}

function splitStages(rest: string): string[] | null {
  const stages: string[] = [];
  let begin = 0;
  let depth = 0;
  const close = (end: number) => {
    const stage = rest.slice(begin, end).trim();
    if (stage) stages.push(stage);
    begin = end;
  };
  for (let at = 0; at < rest.length; at++) {
    const char = rest[at] ?? '';
    if (char === '"' || char === '`') {
      const end = endOfString(rest, at);
      if (end < 0) return null;
      at = end - 1;
    } else if (char === '#') return null;
    else if (char === '(' || char === '{') depth++;
    else if (char === ')' || char === '}') depth--;
    else if (depth === 0 && char === '|') close(at);
    else if (depth === 0 && char === '!' && /[=~>]/.test(rest[at + 1] ?? '')) {
      const current = rest.slice(begin, at).trim();
      if (current === '' || PARSERS.test(current) || /^(\|[=~>]|![=~>])/.test(current)) close(at);
    }
  }
  close(rest.length);
  return stages.every((stage) => /^(\||!)/.test(stage)) ? stages : null;
}

export function joinQuery({ matchers, stages }: SplitQuery): string {
  const inside = matchers.map(({ name, op, value }) => `${name}${op}${quote(value)}`).join(', ');
  return [`{${inside}}`, ...stages].join(' ');
}
