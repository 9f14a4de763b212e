/** The list of lines: only those in sight are drawn, whatever their number. */

import { useCallback, useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { number, t } from '../i18n';
import { useVirtual } from '../parts/virtual';
import type { Entry } from '../api/entries';
import type { Field } from '../api/metrics';
import { place, type Show } from '../state/place';
import { pretty, wrap, zone } from '../state/settings';
import { Detail } from './Detail';
import { matcher } from './find';
import { RowView, type Mode } from './RowView';
import { chooseTo, chosen, current, flipAround, flipChosen, flipOpen, opened } from './selection';
import { cursor, fields, isGap, loading, more, moreFailure, ran, rows, ROWS_MAX, type Row } from './store';
import { isPaused, loadGap, pause, resume, tail } from './tail';
import { valueOf } from './value';

const ROW_PIXELS = 24;
const OPEN_PIXELS = 360;

/** Beyond this from the top, a tail is being read and must hold still. */
const TOP_PIXELS = 30;

/** On a phone a line has two rows of its own, below its time. */
const NARROW = matchMedia('(max-width: 700px)');

const isOpen = (row: Row | undefined) => row !== undefined && !isGap(row) && opened.value.has(row.id);

export function Lines() {
  const box = useRef<HTMLDivElement>(null);
  const list = rows.value;
  const mode = modeOf(place.value.show);
  const names = useMemo(() => fields.value ?? [], [fields.value]);
  const columns = columnsOf(place.value.columns, list, mode, names);
  const marks = matcher.value;
  const virtual = useVirtual({
    count: list.length,
    element: () => box.current,
    estimate: (i) => (isOpen(list[i]) ? OPEN_PIXELS : ROW_PIXELS),
    key: useCallback((i: number) => list[i]?.id ?? i, [list]),
  });
  const items = virtual.getVirtualItems();
  const hasDay = ran.value.span.end - ran.value.span.start > 86_400_000;
  const isMeasured = mode === 'json' || (mode === 'lines' && (wrap.value === 'on' || pretty.value === 'on')) || NARROW.matches;
  const lastShown = items.at(-1)?.index ?? 0;

  // The next page is asked for well before its place comes into sight.
  useEffect(() => {
    if (cursor.value && lastShown > list.length - 150 && !moreFailure.value && tail.value === 'off') void more();
  }, [lastShown, list.length, cursor.value, loading.value]);
  useLayoutEffect(() => {
    const index = current.value;
    if (index < 0 || !box.current) return;
    if (!isOpen(list[index])) return virtual.scrollToIndex(index, { align: 'auto' });
    // Of an open line the beginning is what is looked for.
    const top = (virtual.getOffsetForIndex(index, 'start')?.[0] ?? 0) - box.current.scrollTop;
    if (top < 0 || top > box.current.clientHeight - 4 * ROW_PIXELS) virtual.scrollToIndex(index, { align: 'start' });
  }, [current.value]);
  useLayoutEffect(() => virtual.measure(), [isMeasured, columns.join()]);
  useLayoutEffect(() => {
    box.current?.scrollTo(0, 0);
  }, [ran.value]);
  // When the lines of a query are seen, for who measures the page.
  useLayoutEffect(() => {
    const frame = requestAnimationFrame(() => performance.mark('lines'));
    return () => cancelAnimationFrame(frame);
  }, [list[0]?.id]);

  const scroll = () => {
    if (tail.value === 'off' || !box.current) return;
    if (box.current.scrollTop > TOP_PIXELS && !isPaused.value) pause();
    else if (box.current.scrollTop < 2 && isPaused.value && current.value < 0 && !opened.value.size) resume();
  };
  const click = (event: MouseEvent) => {
    const target = event.target as HTMLElement;
    const element = target.closest<HTMLElement>('[data-index]');
    const row = list[Number(element?.dataset.index ?? -1)];
    if (!element || !row || isGap(row) || target.closest('.detail')) return;
    // Who marks text wants to copy it.
    if (!event.shiftKey && String(getSelection() ?? '') && !target.closest('button')) return;
    if (event.shiftKey || event.ctrlKey || event.metaKey) {
      if (event.shiftKey) chooseTo(Number(element.dataset.index));
      else flipChosen(row);
      current.value = Number(element.dataset.index);
      return;
    }
    current.value = Number(element.dataset.index);
    if (target.closest('[data-act=around]')) flipAround(row);
    else flipOpen(row);
    if (tail.value !== 'off') pause();
  };
  return (
    <div class="lines-frame" data-wrap={wrap.value} data-pretty={pretty.value} data-zone={zone.value} data-day={hasDay} data-mode={mode}>
      <Header columns={columns} mode={mode} />
      {/* The grid has the focus; the row with the cursor is named by aria-activedescendant. */}
      <div
        ref={box}
        id="lines"
        class="lines"
        role="treegrid"
        tabIndex={0}
        aria-label={t('list.label')}
        aria-rowcount={list.length}
        aria-colcount={columns.length + 3}
        aria-busy={loading.value === 'first'}
        aria-activedescendant={current.value >= 0 ? `row-${current.value}` : undefined}
        aria-multiselectable
        onMouseDown={(event) => {
          // A range of rows is chosen, not their text.
          if (event.shiftKey) event.preventDefault();
        }}
        onClick={click}
        onScroll={scroll}
      >
        <div class="lines-all" style={{ height: `${virtual.getTotalSize()}px` }} role="presentation">
          {items.map(({ index, start, key }) => {
            const row = list[index];
            if (!row) return null;
            const open = isOpen(row);
            return (
              <div
                key={key}
                class="item"
                role="presentation"
                data-index={index}
                ref={isMeasured || open || isGap(row) ? virtual.measureElement : undefined}
                style={{ transform: `translateY(${start}px)` }}
              >
                {isGap(row) ? (
                  <div class="gap" role="row">
                    <span role="gridcell">{t(row.isLeast ? 'tail.gap.least' : 'tail.gap', { count: row.gap })}</span>{' '}
                    <span role="gridcell">
                      <button type="button" class="quiet" onClick={() => void loadGap(row)}>
                        {t('tail.load')}
                      </button>
                    </span>
                  </div>
                ) : (
                  <>
                    <RowView entry={row} index={index} columns={columns} matcher={marks} isCurrent={index === current.value} isChosen={chosen.value.has(row.id)} isOpen={open} mode={mode} isWrapped={wrap.value === 'on'} isPretty={pretty.value === 'on'} zone={zone.value} />
                    {open && (
                      <div role="row">
                        <div role="gridcell">
                          <Detail entry={row} matcher={marks} />
                        </div>
                      </div>
                    )}
                  </>
                )}
              </div>
            );
          })}
        </div>
        <Foot />
      </div>
    </div>
  );
}

/** Values this long that are different in each line are ids. */
const ID_CHARS = 16;

/** How many of the entries have a field, with how many values, and whether these are ids. */
function tellsApart(entries: Entry[], name: string) {
  const values = entries.map((entry) => valueOf(entry, name)).filter(Boolean);
  const distinct = new Set(values).size;
  return { name, count: values.length, distinct, isId: distinct > 3 && distinct === values.length && values.every((value) => value.length >= ID_CHARS && !value.includes(' ')) };
}

/** Columns of a table whose reader chose none: as many as can be read, also on a phone. */
const TABLE_COLUMNS = 7;
const TABLE_COLUMNS_NARROW = 2;

const modeOf = (show: Show): Mode => (show === 'table' || show === 'json' ? show : 'lines');

/** Where nobody chose columns: a table shows fields that tell lines apart, lines of several services their names. */
function columnsOf(picked: string[], list: Row[], mode: Mode, names: Field[]): string[] {
  if (mode === 'json') return [];
  if (picked.length) return picked;
  const sample = list.slice(0, 100).filter((row): row is Entry => !isGap(row));
  if (mode === 'table') {
    const told = names.filter(({ name }) => !/^(detected_level|level|ts|time|timestamp)$/.test(name)).map(({ name }) => tellsApart(sample, name));
    const worth = told.filter(({ count, distinct, isId }) => count > 0 && !isId && (distinct > 1 || sample.length < 2));
    return worth.toSorted((a, b) => b.count - a.count).slice(0, NARROW.matches ? TABLE_COLUMNS_NARROW : TABLE_COLUMNS).map(({ name }) => name);
  }
  const services = new Set(sample.map((entry) => entry.labels.service_name).filter(Boolean));
  return services.size > 1 ? ['service_name'] : [];
}

function Header({ columns, mode }: { columns: string[]; mode: Mode }) {
  if (!columns.length) return null;
  return (
    <div class="lines-header" aria-hidden="true">
      <span class="row-level" />
      <span class="row-time">{t('list.time')}</span>
      {columns.map((name) => <span key={name} class="row-column" title={name}>{name}</span>)}
      {mode === 'lines' && <span class="row-line">{t('list.line')}</span>}
    </div>
  );
}

function Foot() {
  if (!rows.value.length || tail.value !== 'off') return null;
  if (moreFailure.value) {
    return (
      <p class="foot" role="alert">
        {moreFailure.value.message || t('error.gone')}{' '}
        <button type="button" class="quiet" onClick={() => void more()}>
          {t('error.again')}
        </button>
      </p>
    );
  }
  if (rows.value.length >= ROWS_MAX) return <p class="foot">{t('list.capped', { count: rows.value.length })}</p>;
  if (loading.value === 'more' || cursor.value) return <p class="foot">{t('list.more')}</p>;
  return <p class="foot">{t('list.end', { count: number(rows.value.length) })}</p>;
}
