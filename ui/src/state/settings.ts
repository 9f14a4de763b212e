/** What one browser remembers: theme, language, zone, how lines are shown. */

import { effect, signal, type Signal } from '@preact/signals';
import type { Zone } from '../time/range';

export type Theme = 'auto' | 'light' | 'dark';
export type Language = 'en' | 'ko';

const PREFIX = 'skald.';

function stored<T extends string>(name: string, values: readonly T[], initial: T): Signal<T> {
  const found = read(PREFIX + name) as T | null;
  const setting = signal<T>(found && values.includes(found) ? found : initial);
  effect(() => write(PREFIX + name, setting.value));
  return setting;
}

/** Storage may be switched off; then settings last as long as the page. */
function read(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function write(name: string, value: string) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Nothing is lost but the memory of it.
  }
}

const SWITCH = ['on', 'off'] as const;
export type Switch = (typeof SWITCH)[number];

export const theme = stored<Theme>('theme', ['auto', 'light', 'dark'], 'auto');
export const language = stored<Language>('language', ['en', 'ko'], navigator.language.startsWith('ko') ? 'ko' : 'en');
export const zone = stored<Zone>('zone', ['local', 'utc'], 'local');
export const wrap = stored<Switch>('wrap', SWITCH, 'off');
export const pretty = stored<Switch>('pretty', SWITCH, 'off');
export const order = stored('order', ['newest', 'oldest'] as const, 'newest');
export const sidebar = stored<Switch>('sidebar', SWITCH, innerWidth < 800 ? 'off' : 'on');

export function toggle(setting: Signal<Switch>) {
  setting.value = setting.value === 'on' ? 'off' : 'on';
}

const RECENT_MAX = 20;

/** Queries that were run here, newest first. */
export const recent = signal<string[]>(parseList(read(PREFIX + 'recent')));

function parseList(text: string | null): string[] {
  try {
    const list: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(list) ? list.filter((x): x is string => typeof x === 'string') : [];
  } catch {
    return [];
  }
}

export function remember(query: string) {
  if (!query.trim() || recent.value[0] === query) return;
  recent.value = [query, ...recent.value.filter((q) => q !== query)].slice(0, RECENT_MAX);
  write(PREFIX + 'recent', JSON.stringify(recent.value));
}

effect(() => {
  const root = document.documentElement;
  if (theme.value === 'auto') delete root.dataset.theme;
  else root.dataset.theme = theme.value;
});
