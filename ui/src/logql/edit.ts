/** Edits of log queries by click: filters on labels, fields and lines. */

import { joinQuery, quote, splitQuery, unquote, type Op } from './split';

/** Where a name of an entry comes from; a parser's name for fields of the line. */
export type Source = 'label' | 'metadata' | 'json' | 'logfmt' | 'parsed';

const OPPOSITE: Record<Op, Op> = { '=': '!=', '!=': '=', '=~': '!~', '!~': '=~' };

/** With a filter on a label or field; an opposite one of the same value goes. Null when the query can't be edited. */
export function withFilter(query: string, source: Source, name: string, op: '=' | '!=', value: string): string | null {
  const split = splitQuery(query || '{}');
  if (!split) return null;
  if (source === 'label') {
    const others = split.matchers.filter((m) => !(m.name === name && m.value === value && (m.op === op || m.op === OPPOSITE[op])));
    // Equal to one value is equal to no other.
    const kept = op === '=' ? others.filter((m) => !(m.name === name && m.op === '=')) : others;
    return joinQuery({ ...split, matchers: [...kept, { name, op, value }] });
  }
  const stage = (o: Op) => `| ${name}${o}${quote(value)}`;
  const stages = split.stages.filter((s) => normal(s) !== normal(stage(op)) && normal(s) !== normal(stage(OPPOSITE[op])));
  const parser = source === 'json' || source === 'logfmt' ? [`| ${source}`] : [];
  const has = (p: string) => stages.some((s) => new RegExp(`^\\|\\s*${p.slice(2)}\\b`).test(s));
  return joinQuery({ ...split, stages: [...stages, ...parser.filter((p) => !has(p)), stage(op)] });
}

const normal = (stage: string) => stage.replaceAll(/\s+/g, '');

/** With a line filter, of a text or a template. */
export function withLineFilter(query: string, op: '|=' | '!=' | '|>' | '!>', text: string): string | null {
  const split = splitQuery(query || '{}');
  if (!split) return null;
  const stage = `${op} ${quote(text)}`;
  const first = split.stages.findIndex((s) => !/^(\|[=~>]|![=~>])/.test(s));
  const stages = split.stages.filter((s) => normal(s) !== normal(stage));
  // Before parsers, where the content index answers it.
  stages.splice(first < 0 ? stages.length : first, 0, stage);
  return joinQuery({ ...split, stages });
}

export interface Chip {
  kind: 'matcher' | 'stage';
  text: string;
  /** The query without it. */
  without: string;
}

/** A chip for each matcher and stage; none when the query can't be taken apart. */
export function chips(query: string): Chip[] {
  const split = splitQuery(query);
  if (!split) return [];
  const { matchers, stages } = split;
  return [
    ...matchers.map((m, i): Chip => ({
      kind: 'matcher',
      text: `${m.name} ${m.op} ${m.value}`,
      without: joinQuery({ matchers: matchers.filter((_, j) => j !== i), stages }),
    })),
    ...stages.map((text, i): Chip => ({ kind: 'stage', text, without: joinQuery({ matchers, stages: stages.filter((_, j) => j !== i) }) })),
  ];
}

/** Texts that a query's line filters look for, to be marked in lines. */
export function searchedTexts(query: string): { texts: string[]; patterns: string[] } {
  const found = { texts: [] as string[], patterns: [] as string[] };
  for (const stage of splitQuery(query)?.stages ?? []) {
    const match = /^\|([=~])\s*(.+)$/s.exec(stage);
    if (!match) continue;
    for (const [quoted] of (match[2] ?? '').matchAll(/"(?:\\.|[^"\\])*"|`[^`]*`/gs)) {
      const value = unquote(quoted);
      if (value) (match[1] === '=' ? found.texts : found.patterns).push(value);
    }
  }
  return found;
}

/** Whether a text is a log query whose entries can be counted: no stage that orders or limits. */
export function isLogQuery(query: string): boolean {
  return query.trim().startsWith('{');
}

/** The query over its streams alone. */
export function selectorOf(query: string): string {
  const split = splitQuery(query);
  return split ? joinQuery({ matchers: split.matchers, stages: [] }) : (/\{[^}]*\}/.exec(query)?.[0] ?? '{}');
}
