/** What people paste: Grafana Explore URLs, logcli and curl lines, queries and ids. */

import { parseDuration, parseRange, shortDuration, type Range } from '../time/range';
import { quote } from '../logql/split';

export interface Pasted {
  kind: 'url' | 'grafana' | 'logcli' | 'curl' | 'query' | 'id';
  query: string;
  range?: Range;
  tenant?: string;
}

/** What a pasted text asks for; null when it is only a text. */
export function understand(text: string): Pasted | null {
  const trimmed = text.trim();
  if (!trimmed || trimmed.length > 100_000) return null;
  if (/^https?:\/\//.test(trimmed)) return fromUrl(trimmed);
  if (/^(\S*\/)?logcli\s/.test(trimmed)) return fromLogcli(shellWords(trimmed));
  if (/^(\S*\/)?curl\s/.test(trimmed)) return fromCurl(shellWords(trimmed));
  if (/^(\{|(sum|rate|count|avg|min|max|topk|bottomk|quantile|sort|label_|vector|bytes_|absent|stddev|stdvar)\w*\s*(\(|by\b|without\b))/.test(trimmed))
    return { kind: 'query', query: trimmed };
  if (isId(trimmed)) return { kind: 'id', query: `{} |= ${quote(trimmed)}` };
  return null;
}

/** Trace ids, span ids, UUIDs and ULIDs: long enough to be one thing only. */
export function isId(text: string): boolean {
  return /^([0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9A-HJKMNP-TV-Z]{26}|1-[0-9a-f]{8}-[0-9a-f]{24})$/i.test(text)
    && /\d/.test(text);
}

function rangeOf(from: unknown, to: unknown): Range | undefined {
  if (typeof from !== 'string' && typeof from !== 'number') return undefined;
  const end = to === undefined || to === null || to === '' ? 'now' : String(to);
  return { from: String(from), to: end };
}

function fromUrl(text: string): Pasted | null {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return null;
  }
  const params = url.searchParams;
  const api = /\/(loki\/api\/v1|api\/prom|skald\/api\/v1)\//.test(url.pathname);
  if (params.has('query')) {
    const range = api ? apiRange(params) : rangeOf(params.get('from') ?? undefined, params.get('to'));
    return { kind: 'url', query: params.get('query') ?? '', ...(range ? { range } : {}) };
  }
  return fromGrafana(params);
}

/** Grafana 10 and later: `panes={"x":{queries,range}}`; before: `left={…}` or `left=["from","to","ds",{expr}]`. */
function fromGrafana(params: URLSearchParams): Pasted | null {
  try {
    const panes = params.get('panes');
    if (panes) {
      for (const pane of Object.values(JSON.parse(panes) as Record<string, Pane>)) {
        const found = fromPane(pane);
        if (found) return found;
      }
    }
    const left = params.get('left');
    if (!left) return null;
    const parsed = JSON.parse(left) as Pane | [string, string, string, ...Query[]];
    if (!Array.isArray(parsed)) return fromPane(parsed);
    const [from, to, , ...queries] = parsed;
    return fromPane({ queries: queries.filter((q) => typeof q === 'object'), range: { from, to } });
  } catch {
    return null;
  }
}

interface Query {
  expr?: string;
}

interface Pane {
  queries?: Query[];
  range?: { from?: string; to?: string };
}

function fromPane(pane: Pane): Pasted | null {
  const query = pane.queries?.find((q) => q.expr)?.expr;
  if (!query) return null;
  const range = rangeOf(pane.range?.from, pane.range?.to);
  return { kind: 'grafana', query, ...(range ? { range } : {}) };
}

/** Words of a shell line; `\` at line ends and quotes as in sh. */
export function shellWords(line: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  for (let i = 0; i < line.length; i++) {
    const char = line[i] ?? '';
    if (char === "'") {
      const end = line.indexOf("'", i + 1);
      word = (word ?? '') + line.slice(i + 1, end < 0 ? undefined : end);
      i = end < 0 ? line.length : end;
    } else if (char === '"') {
      word ??= '';
      for (i++; i < line.length && line[i] !== '"'; i++) {
        if (line[i] === '\\' && /["\\$`\n]/.test(line[i + 1] ?? '')) i++;
        word += line[i];
      }
    } else if (char === '\\') {
      i++;
      if (line[i] !== '\n' && line[i] !== '\r') word = (word ?? '') + (line[i] ?? '');
    } else if (/\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + char;
  }
  if (word !== null) words.push(word);
  return words;
}

/** Options of logcli that stand alone. */
const LOGCLI_FLAGS = /^(-q|-t|-f|--tail|--follow|--forward|--quiet|--stats|--no-labels|--colored-output|--include-common-labels|--merge-parts|--keep-parts|--tls-skip-verify)$/;

function fromLogcli(words: string[]): Pasted | null {
  const options = new Map<string, string>();
  const plain: string[] = [];
  for (let i = 1; i < words.length; i++) {
    const word = words[i] ?? '';
    const [name, value] = word.startsWith('--') && word.includes('=') ? [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)] : [word, null];
    if (!word.startsWith('-')) plain.push(word);
    else if (value !== null) options.set(name, value);
    else if (!LOGCLI_FLAGS.test(word)) options.set(word, words[++i] ?? '');
  }
  const query = plain.find((word) => !/^(query|instant-query|stats|volume|volume_range|series|fmt)$/.test(word));
  if (!query) return null;
  const range = bounds(options.get('--from'), options.get('--to'), options.get('--since') ?? '1h');
  const tenant = options.get('--org-id');
  return { kind: 'logcli', query, ...(range ? { range } : {}), ...(tenant ? { tenant } : {}) };
}

function fromCurl(words: string[]): Pasted | null {
  const params = new URLSearchParams();
  let tenant: string | undefined;
  for (let i = 1; i < words.length; i++) {
    const word = words[i] ?? '';
    const argument = () => words[++i] ?? '';
    if (/^https?:\/\//.test(word)) {
      const url = URL.canParse(word) ? new URL(word) : null;
      url?.searchParams.forEach((value, name) => params.set(name, value));
    } else if (word === '--data-urlencode') {
      const pair = argument();
      params.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
    } else if (/^(-d|--data|--data-raw|--url-query)$/.test(word)) {
      new URLSearchParams(argument()).forEach((value, name) => params.set(name, value));
    } else if (word === '-H' || word === '--header') {
      const header = /^x-scope-orgid:\s*(.+)$/i.exec(argument());
      if (header) tenant = header[1];
    } else if (/^(-o|-u|-X|--request|--user|--output|-m|--max-time|-A)$/.test(word)) i++;
  }
  const query = params.get('query');
  if (!query) return null;
  const range = apiRange(params);
  return { kind: 'curl', query, ...(range ? { range } : {}), ...(tenant ? { tenant } : {}) };
}

function apiRange(params: URLSearchParams): Range | undefined {
  return bounds(params.get('start') ?? undefined, params.get('end') ?? undefined, params.get('since') ?? undefined);
}

function endOf(text: string): string {
  const point = /^\d+(\.\d+)?$/.test(text) ? epoch(text) : Date.parse(text);
  return Number.isNaN(point) ? text : String(point);
}

function epoch(text: string): number {
  const value = Number(text);
  return Math.floor(value < 1e11 ? value * 1000 : value < 1e14 ? value : value / 1e6);
}

function bounds(from?: string, to?: string, since?: string): Range | undefined {
  if (from) return { from: endOf(from), to: to ? endOf(to) : 'now' };
  const length = since ? parseDuration(since) : null;
  if (length === null) return undefined;
  if (!to) return { from: `now-${shortDuration(length)}`, to: 'now' };
  const end = endOf(to);
  return /^\d+$/.test(end) ? { from: String(Number(end) - length), to: end } : undefined;
}

/** A pasted text that is a time: the range around it. */
export function pastedTime(text: string): Range | null {
  return text.length < 80 ? parseRange(text) : null;
}
