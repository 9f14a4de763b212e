/** Parts of a query by kind, for colours. Not a parser: what it does not know stays plain. */

export type Kind = 'text' | 'name' | 'string' | 'number' | 'word' | 'mark' | 'comment';

export interface Coloured {
  text: string;
  kind: Kind;
}

const WORDS = new Set(
  'by without on ignoring group_left group_right bool offset and or unless in json logfmt unpack regexp pattern line_format label_format decolorize drop keep distinct sort limit unwrap ip duration bytes duration_seconds'.split(' '),
);

const TOKEN = /(?<comment>#[^\n]*)|(?<string>"(?:\\.|[^"\\\n])*"?|`[^`]*`?)|(?<number>\b\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h|d|w|y|[kKMGT]i?B|B)?\b)|(?<word>[A-Za-z_][\w]*)|(?<mark>\|=|\|~|\|>|!=|!~|!>|=~|==|>=|<=|[|=<>!+\-*/%^])/g;

export function colours(query: string): Coloured[] {
  const out: Coloured[] = [];
  let at = 0;
  const plain = (end: number) => {
    if (end > at) out.push({ text: query.slice(at, end), kind: 'text' });
  };
  for (const match of query.matchAll(TOKEN)) {
    plain(match.index);
    const [text] = match;
    at = match.index + text.length;
    out.push({ text, kind: kindOf(match, query.slice(at, at + 12)) });
  }
  plain(query.length);
  return out;
}

/** The same parts, with a boundary at each of these places. */
export function cut(parts: Coloured[], places: number[]): Coloured[] {
  let begin = 0;
  return parts.flatMap(({ text, kind }) => {
    const inside = places.map((place) => place - begin).filter((place) => place > 0 && place < text.length);
    const ends = [...new Set([0, ...inside, text.length])].toSorted((a, b) => a - b);
    begin += text.length;
    return ends.slice(1).map((end, i) => ({ text: text.slice(ends[i], end), kind }));
  });
}

function kindOf({ groups = {} }: RegExpMatchArray, next: string): Kind {
  if (groups.comment) return 'comment';
  if (groups.string) return 'string';
  if (groups.number) return 'number';
  if (groups.mark) return 'mark';
  if (groups.word && WORDS.has(groups.word)) return 'word';
  return /^\s*(=|!=|!~|>|<)/.test(next) ? 'name' : /^\s*(\(|by\b|without\b)/.test(next) ? 'word' : 'text';
}
