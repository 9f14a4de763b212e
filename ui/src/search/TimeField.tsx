/** The time range: typed, shifted, zoomed or chosen. */

import { signal } from '@preact/signals';
import { t, day, clock, lengthText, stamp } from '../i18n';
import { Icon } from '../parts/Icon';
import { Menu } from '../parts/Menu';
import { place } from '../state/place';
import { zone } from '../state/settings';
import { isLive, parseRange, resolve, type Range } from '../time/range';
import { earlier, later, setRange, wider } from './actions';
import { isComposing } from '../parts/composing';

const LENGTHS = ['5m', '15m', '1h', '3h', '12h', '1d', '7d', '30d'];

/** What is being typed; null while nothing is. */
const typed = signal<string | null>(null);
const isWrong = signal(false);

const short = (ms: number, isFine: boolean) => clock(ms).slice(0, isFine ? 12 : 8).replace(/^(\d\d:\d\d):00$/, '$1');

/** Ranges below this are told apart by milliseconds. */
const FINE_MS = 10_000;

export function rangeLabel(range: Range): string {
  const relative = /^now-(.+)$/.exec(range.from);
  if (relative && range.to === 'now') return t('time.last', { length: lengthText(relative[1] ?? '') });
  const { start, end } = resolve(range);
  const today = day(Date.now());
  const isFine = end - start < FINE_MS;
  const first = day(start) === today && day(end) === today ? short(start, isFine) : `${day(start)} ${short(start, isFine)}`;
  const last = isLive(range) ? 'now' : day(start) === day(end) ? short(end, isFine) : `${day(end)} ${short(end, isFine)}`;
  return `${first} – ${last}`;
}

export function TimeField() {
  const { range } = place.value;
  const { start, end } = resolve(range);
  const label = rangeLabel(range);
  const commit = (input: HTMLInputElement) => {
    if (typed.value === null || typed.value.trim() === label) return leave(input);
    const found = parseRange(typed.value, zone.value);
    isWrong.value = !found;
    if (!found) return;
    leave(input);
    setRange(found);
  };
  const leave = (input: HTMLInputElement) => {
    typed.value = null;
    isWrong.value = false;
    input.blur();
  };
  return (
    <div class="time" data-bad={isWrong.value}>
      <button type="button" class="tool" title={`${t('time.earlier')} [`} aria-label={t('time.earlier')} onClick={earlier}>
        <Icon name="left" />
      </button>
      <input
        id="time"
        type="text"
        spellcheck={false}
        autocomplete="off"
        aria-label={t('time.label')}
        aria-invalid={isWrong.value}
        placeholder={t('time.placeholder')}
        title={`${stamp(start, 'local')} – ${stamp(end, 'local')} (${t('zone.local')})\n${stamp(start, 'utc')} – ${stamp(end, 'utc')} (UTC)`}
        value={typed.value ?? label}
        onFocus={(event) => event.currentTarget.select()}
        onInput={(event) => {
          typed.value = event.currentTarget.value;
          isWrong.value = false;
        }}
        onKeyDown={(event) => {
          if (isComposing(event)) return;
          if (event.key === 'Enter') {
            event.preventDefault();
            commit(event.currentTarget);
          } else if (event.key === 'Escape') leave(event.currentTarget);
        }}
        onBlur={(event) => {
          if (!isWrong.value) commit(event.currentTarget);
        }}
      />
      <Menu label={t('time.label')} icon="down" name="time-menu" choices={LENGTHS.map((length) => ({ text: t('time.last', { length: lengthText(length) }), isChosen: range.from === `now-${length}`, act: () => setRange({ from: `now-${length}`, to: 'now' }) }))} />
      <button type="button" class="tool" title={`${t('time.later')} ]`} aria-label={t('time.later')} disabled={isLive(range)} onClick={later}>
        <Icon name="right" />
      </button>
      <button type="button" class="tool" title={`${t('time.out')} z`} aria-label={t('time.out')} onClick={wider}>
        <Icon name="out" />
      </button>
      {isWrong.value && (
        <p class="time-error" role="alert">
          {t('time.unknown')}
        </p>
      )}
    </div>
  );
}
