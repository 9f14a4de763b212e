/** Where the page is: view, query, range and line, kept in the URL so that a link shows the same. */

import { signal } from '@preact/signals';
import { DEFAULT_RANGE, resolveEnd, type Range } from '../time/range';

export const VIEWS = ['home', 'search', 'map', 'sources', 'storage', 'saved', 'rules'] as const;
export type View = (typeof VIEWS)[number];

/** How Search shows what its query finds. */
export const SHOWS = ['lines', 'table', 'json', 'patterns', 'chart', 'changes'] as const;
export type Show = (typeof SHOWS)[number];

export interface Place {
  view: View;
  show: Show;
  query: string;
  range: Range;
  /** Fields shown as columns. */
  columns: string[];
  /** The field whose values the chart counts; empty is the level. */
  by: string;
  /** The key of the line a link points at. */
  line: string;
  tenant: string;
}

/** Reads a query string; what is broken counts as missing. */
export function parsePlace(search: string): Place {
  const params = new URLSearchParams(search);
  const end = (name: 'from' | 'to') => {
    const text = params.get(name) ?? '';
    return resolveEnd(text) === null ? DEFAULT_RANGE[name] : text;
  };
  const range = params.has('from') || params.has('to') ? { from: end('from'), to: end('to') } : DEFAULT_RANGE;
  return {
    view: params.has('query') ? 'search' : (VIEWS.find((view) => view === params.get('view') && view !== 'search') ?? 'home'),
    show: SHOWS.find((show) => show === params.get('show')) ?? 'lines',
    query: params.get('query') ?? '',
    range,
    columns: (params.get('columns') ?? '').split(',').filter(Boolean),
    by: /^[a-zA-Z_]\w*$/.exec(params.get('by') ?? '')?.[0] ?? '',
    line: params.get('line') ?? '',
    tenant: params.get('tenant') ?? '',
  };
}

export function placeText({ view, show, query, range, columns, by, line, tenant }: Place): string {
  const params = new URLSearchParams();
  if (view === 'search') {
    params.set('query', query);
    params.set('from', range.from);
    params.set('to', range.to);
    if (columns.length) params.set('columns', columns.join(','));
    if (by && show === 'chart') params.set('by', by);
    if (line) params.set('line', line);
    if (show !== 'lines') params.set('show', show);
  }
  if (view !== 'search' && view !== 'home') params.set('view', view);
  if (view === 'map') {
    params.set('from', range.from);
    params.set('to', range.to);
  }
  if (tenant) params.set('tenant', tenant);
  const text = params.toString();
  return text ? `?${text}` : '';
}

export const place = signal<Place>(parsePlace(location.search));

/** Counts every wish to run, so that the same query runs again. */
export const runs = signal(0);

/** Goes somewhere; a step of its own for the back button. */
export function go(change: Partial<Place>) {
  const next = { line: '', ...change };
  const to = { ...place.value, ...next };
  const text = placeText(to);
  if (text !== placeText(place.value)) history.pushState(null, '', text || './');
  place.value = to;
  runs.value++;
}

/** Notes something in the URL without a step for the back button, and without running anything. */
export function note(change: Partial<Place>) {
  place.value = { ...place.value, ...change };
  history.replaceState(null, '', placeText(place.value) || './');
}

addEventListener('popstate', () => {
  place.value = parsePlace(location.search);
  runs.value++;
});
