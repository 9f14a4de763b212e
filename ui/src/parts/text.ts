/** Lines made safe and legible: control and direction marks are shown, not obeyed; colours of terminals stay. */

import anser from 'anser';

/** Characters of a line that are shown before "show all". */
export const SHOWN_CHARS = 8192;

/** Characters of a row that is not wrapped: wider than any screen. */
export const ROW_CHARS = 640;

export interface Piece {
  text: string;
  /** Class names for colour and weight. */
  style: string;
  isMatch: boolean;
}

const CONTROL = /[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f-\u009f]/g;
// Marks that turn text around or hide in it; zero-width joiners stay, as scripts need them.
const HIDDEN = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\u200b\u2028\u2029]/g;
// OSC (links, titles), DCS and the like, and CSI that is not a colour.
const ESCAPES = /\u001b(?:[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\|$)|\[[0-9;:?<=>]*[ -/]*[@-ln-~]|[@-Z\\^_`a-z]|[ -/][0-~])/g;

/** Text in which nothing acts. */
export function visible(text: string): string {
  return text
    .replaceAll(CONTROL, (c) => (c < '\u0020' ? String.fromCharCode(0x2400 + c.charCodeAt(0)) : c === '\u007f' ? '␡' : `‹${c.charCodeAt(0).toString(16)}›`))
    .replaceAll(HIDDEN, (c) => `‹${c.charCodeAt(0).toString(16).toUpperCase()}›`);
}

/** A line as pieces with terminal colours. */
export function pieces(line: string): Piece[] {
  if (!line.includes('\u001b')) return [{ text: visible(line), style: '', isMatch: false }];
  const out: Piece[] = [];
  for (const { content, fg, bg, decorations } of anser.ansiToJson(line.replaceAll(ESCAPES, ''), { use_classes: true, remove_empty: true })) {
    const style = [fg && `a-${fg}`, bg && `b-${bg}`, ...(decorations ?? []).filter((d) => d !== 'blink').map((d) => `d-${d}`)].filter(Boolean).join(' ');
    out.push({ text: visible(content).replaceAll('\u001b', '␛'), style: style.replaceAll('ansi-', ''), isMatch: false });
  }
  return out;
}

/** A regex that finds what a query looks for; null when nothing or it is not one of JavaScript's. */
export function matcherOf({ texts, patterns }: { texts: string[]; patterns: string[] }, cases: 'as written' | 'any case' = 'as written'): RegExp | null {
  const escaped = texts.map((t) => visible(t).replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  const insensitive = cases === 'any case' || patterns.some((p) => p.startsWith('(?i)'));
  const sources = [...escaped, ...patterns.map((p) => p.replace(/^\(\?i\)/, ''))].filter(Boolean);
  if (!sources.length) return null;
  try {
    return new RegExp(sources.map((s) => `(?:${s})`).join('|'), insensitive ? 'gi' : 'g');
  } catch {
    return null;
  }
}

/** Matches marked; at most 200 of them, so that a pattern of one letter costs little. */
export function marked(list: Piece[], matcher: RegExp | null): Piece[] {
  if (!matcher) return list;
  let left = 200;
  return list.flatMap((piece) => {
    const out: Piece[] = [];
    let from = 0;
    for (const match of piece.text.matchAll(matcher)) {
      if (!match[0] || left-- <= 0) break;
      if (match.index > from) out.push({ ...piece, text: piece.text.slice(from, match.index) });
      out.push({ ...piece, text: match[0], isMatch: true });
      from = match.index + match[0].length;
    }
    if (from < piece.text.length) out.push({ ...piece, text: piece.text.slice(from) });
    return out;
  });
}

export interface RowText {
  text: string;
  /** Lines folded away below the first. */
  folded: number;
  /** Whether the beginning is left out, to show the first match. */
  isShifted: boolean;
}

/** What of a line is shown in one row: its first line, or where the first match is. */
export function rowText(line: string, matcher: RegExp | null): RowText {
  const head = withoutFlood(line.slice(0, 8 * SHOWN_CHARS)).slice(0, SHOWN_CHARS);
  const end = head.indexOf('\n');
  const folded = end < 0 ? 0 : countLines(line, end);
  let text = end < 0 ? head : head.slice(0, end).replace(/\r$/, '');
  let isShifted = false;
  if (matcher && text.length > 200) {
    matcher.lastIndex = 0;
    const match = matcher.exec(text);
    matcher.lastIndex = 0;
    if (match && match.index > 160) {
      text = text.slice(match.index - 60);
      isShifted = true;
    }
  }
  return { text: text.slice(0, ROW_CHARS), folded, isShifted };
}

/** Runs of colour codes shortened to their last: a flood of them hides what follows. */
function withoutFlood(text: string): string {
  if (!text.includes('\u001b')) return text;
  return text.replaceAll(/(?:\u001b\[[0-9;]*m){9,}/g, (run) => run.slice(run.length - 64).replace(/^[^\u001b]*/, ''));
}

function countLines(line: string, from: number): number {
  let count = 0;
  for (let at = from; at >= 0 && at < line.length - 1 && count < 1000; at = line.indexOf('\n', at + 1)) count++;
  return count;
}

/** The JSON object of a line, for a tree; null when it is none or too large to parse at once. */
export function jsonOf(line: string): unknown {
  const text = line.trim();
  if (!/^[[{]/.test(text) || text.length > 1_000_000) return null;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}
