/** Keys of the whole page, and the sheet that lists them. */

import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { t, type Key } from './i18n';
import type { Entry } from './api/entries';
import { copy } from './parts/clipboard';
import { Icon } from './parts/Icon';
import { earlier, flipChanges, flipTail, later, openPasted, wider } from './search/actions';
import { moveToMatch, sought } from './search/find';
import { chooseNext, chosen, chosenEntries, currentEntry, flipAround, flipChosen, flipOpen, move, moveToError, opened } from './search/selection';
import { asJsonLines, asMarkdown, asText } from './search/taking';
import { go, note, place, type View } from './state/place';
import { pretty, toggle, wrap } from './state/settings';

export const isSheetOpen = signal(false);

const SHEET: [string, Key][] = [
  ['Enter', 'keys.run'],
  ['Alt Enter', 'keys.repair'],
  ['/', 'keys.query'],
  ['t', 'keys.time'],
  ['j k', 'keys.move'],
  ['o', 'keys.open'],
  ['x', 'keys.around'],
  ['e E', 'keys.error'],
  ['n N', 'keys.match'],
  ['h', 'keys.find'],
  ['i', 'keys.fields'],
  ['Space J K', 'keys.choose'],
  ['f', 'keys.follow'],
  ['c', 'keys.changes'],
  ['[ ]', 'keys.shift'],
  ['z', 'keys.out'],
  ['w', 'keys.wrap'],
  ['p', 'keys.pretty'],
  ['y Y m', 'keys.copy'],
  ['1 2 3 4 5', 'keys.show'],
  ['s', 'keys.share'],
  ['S', 'saved.save'],
  ['g h', 'nav.home'],
  ['g s', 'nav.search'],
  ['g m', 'nav.map'],
  ['g o', 'nav.sources'],
  ['g t', 'nav.storage'],
  ['g v', 'nav.saved'],
  ['g r', 'nav.rules'],
  ['?', 'keys.this'],
];

function focus(selector: string) {
  document.querySelector<HTMLElement>(selector)?.focus();
}

const onEntry = (act: (entry: NonNullable<ReturnType<typeof currentEntry>>) => void) => () => {
  const entry = currentEntry();
  if (entry) act(entry);
};

function take(as: (entries: Entry[]) => string) {
  const entries = chosenEntries();
  if (entries.length) void copy(as(entries));
}

const SEARCH: Record<string, () => void> = {
  t: () => focus('#time'),
  j: () => move(1),
  k: () => move(-1),
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
  PageDown: () => move(20),
  PageUp: () => move(-20),
  o: onEntry(flipOpen),
  Enter: onEntry(flipOpen),
  x: onEntry(flipAround),
  ' ': onEntry(flipChosen),
  J: () => chooseNext(1),
  K: () => chooseNext(-1),
  y: () => take(asText),
  Y: () => take(asJsonLines),
  m: () => take(asMarkdown),
  n: () => moveToMatch(1),
  N: () => moveToMatch(-1),
  h: () => focus('#find'),
  i: () => focus('.field-name'),
  1: () => note({ show: 'lines' }),
  2: () => note({ show: 'table' }),
  3: () => note({ show: 'json' }),
  4: () => note({ show: 'patterns' }),
  5: () => note({ show: 'chart' }),
  e: () => void moveToError(1),
  E: () => void moveToError(-1),
  f: flipTail,
  c: flipChanges,
  '[': earlier,
  ']': later,
  z: wider,
  w: () => toggle(wrap),
  p: () => toggle(pretty),
  S: () => document.querySelector<HTMLElement>('[data-name=save]')?.click(),
  s: () => document.querySelector<HTMLElement>('[data-name=share]')?.click(),
};

/** The service rows of Home: the focus moves over them. */
function moveService(by: 1 | -1) {
  const names = [...document.querySelectorAll<HTMLElement>('.services th button')];
  const at = names.indexOf(document.activeElement as HTMLElement);
  names[Math.min(names.length - 1, Math.max(0, at < 0 && by < 0 ? 0 : at + by))]?.focus();
}

/** The errors of the service with the focus, or of the one whose errors grew most. */
function openErrors() {
  const row = document.activeElement?.closest('.services tr') ?? document;
  row.querySelector<HTMLElement>('.services .errors, .errors')?.click();
}

const HOME: Record<string, () => void> = { j: () => moveService(1), k: () => moveService(-1), e: openErrors };

/** Keys of the time, which the map has too. */
const MAP: Record<string, () => void> = { t: () => focus('#time'), '[': earlier, ']': later, z: wider };

const GO: Record<string, View> = { h: 'home', s: 'search', m: 'map', o: 'sources', t: 'storage', v: 'saved', r: 'rules' };

let isAfterG = false;

function everywhere(key: string): boolean {
  if (isAfterG) {
    isAfterG = false;
    const view = GO[key];
    if (view) go({ view, ...(view === 'home' ? { query: '' } : {}) });
    return view !== undefined;
  }
  if (key === 'g') isAfterG = true;
  else if (key === '?') isSheetOpen.value = !isSheetOpen.value;
  else if (key === '/') focus('#query');
  else return false;
  return true;
}

/** Arrow keys, Enter and Space belong to what has the focus, unless that is the list or nothing. */
const BELONGS_TO_FOCUS = /^(Arrow|Page|Enter| )/;

function onKey(event: KeyboardEvent) {
  const target = event.target as HTMLElement;
  const isFind = event.key === 'f' && (event.ctrlKey || event.metaKey) && place.value.view === 'search';
  // Once it is this page's, twice the browser's.
  if (isFind && target.id !== 'find' && document.querySelector('#find')) {
    event.preventDefault();
    focus('#find');
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === 'Escape' && isSheetOpen.value) {
    isSheetOpen.value = false;
    return;
  }
  if (target.closest('input, textarea, select, [role=menu], [role=dialog]')) {
    return;
  }
  if (event.key === 'Escape' && (chosen.value.size || sought.value)) {
    chosen.value = new Set();
    sought.value = '';
    return;
  }
  if (event.key === 'Escape' && opened.value.size) {
    const entry = currentEntry();
    opened.value = new Set([...opened.value].filter((id) => entry && id !== entry.id));
    return;
  }
  const isList = target === document.body || target.id === 'lines';
  if (BELONGS_TO_FOCUS.test(event.key) && !isList) return;
  if (everywhere(event.key)) {
    event.preventDefault();
    return;
  }
  const { view } = place.value;
  const act = view === 'search' ? SEARCH[event.key] : view === 'map' ? MAP[event.key] : view === 'home' ? HOME[event.key] : undefined;
  if (!act) return;
  event.preventDefault();
  act();
}

function onPaste(event: ClipboardEvent) {
  if ((event.target as HTMLElement).closest('input, textarea')) return;
  if (openPasted(event.clipboardData?.getData('text/plain') ?? '')) event.preventDefault();
}

export function listen() {
  document.addEventListener('keydown', onKey);
  document.addEventListener('paste', onPaste);
}

export function KeySheet() {
  const close = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (isSheetOpen.value) close.current?.focus();
  }, [isSheetOpen.value]);
  if (!isSheetOpen.value) return null;
  const leave = () => (isSheetOpen.value = false);
  return (
    <div class="sheet-back" role="presentation" onClick={(event) => event.target === event.currentTarget && leave()}>
      <div
        class="sheet"
        role="dialog"
        aria-modal="true"
        aria-labelledby="sheet-title"
        onKeyDown={(event) => {
          if (event.key === 'Escape' || event.key === '?') {
            event.stopPropagation();
            leave();
          }
        }}
      >
        <h2 id="sheet-title">{t('keys.title')}</h2>
        <button ref={close} type="button" class="tool corner" aria-label={t('close')} onClick={leave}>
          <Icon name="close" />
        </button>
        <dl>
          {SHEET.map(([keys, text]) => (
            <div key={text}>
              <dt>{keys.split(/\s+/).map((key, i) => <kbd key={i}>{key}</kbd>)}</dt>
              <dd>{t(text)}</dd>
            </div>
          ))}
        </dl>
      </div>
    </div>
  );
}
