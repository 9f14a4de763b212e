/** The list of lines: only those in sight are drawn, whatever their number. */

import { useCallback, useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { searchedTexts } from '../logql/edit';
import { number, t } from '../i18n';
import { matcherOf } from '../parts/text';
import { useVirtual } from '../parts/virtual';
import { place } from '../state/place';
import { pretty, wrap, zone } from '../state/settings';
import { Detail } from './Detail';
import { RowView } from './RowView';
import { current, flipAround, flipOpen, opened } from './selection';
import { cursor, isGap, loading, more, moreFailure, ran, rows, ROWS_MAX, type Row } from './store';
import { isPaused, loadGap, pause, resume, tail } from './tail';

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
  const columns = columnsOf(place.value.columns, list);
  const matcher = useMemo(() => matcherOf(searchedTexts(ran.value.query)), [ran.value.query]);
  const virtual = useVirtual({
    count: list.length,
    element: () => box.current,
    estimate: (i) => (isOpen(list[i]) ? OPEN_PIXELS : ROW_PIXELS),
    key: useCallback((i: number) => list[i]?.id ?? i, [list]),
  });
  const items = virtual.getVirtualItems();
  const hasDay = ran.value.span.end - ran.value.span.start > 86_400_000;
  const isMeasured = wrap.value === 'on' || pretty.value === 'on' || NARROW.matches;
  const lastShown = items.at(-1)?.index ?? 0;

  // The next page is asked for well before its place comes into sight.
  useEffect(() => {
    if (cursor.value && lastShown > list.length - 150 && !moreFailure.value && tail.value === 'off') void more();
  }, [lastShown, list.length, cursor.value, loading.value]);
  useLayoutEffect(() => {
    if (current.value >= 0) virtual.scrollToIndex(current.value, { align: 'auto' });
  }, [current.value]);
  useLayoutEffect(() => virtual.measure(), [isMeasured, columns.join()]);
  useLayoutEffect(() => {
    box.current?.scrollTo(0, 0);
  }, [ran.value]);

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
    if (String(getSelection() ?? '') && !target.closest('button')) return;
    current.value = Number(element.dataset.index);
    if (target.closest('[data-act=around]')) flipAround(row);
    else flipOpen(row);
    if (tail.value !== 'off') pause();
  };
  return (
    <div class="lines-frame" data-wrap={wrap.value} data-pretty={pretty.value} data-zone={zone.value} data-day={hasDay}>
      <Header columns={columns} />
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
                    <RowView entry={row} index={index} columns={columns} matcher={matcher} isCurrent={index === current.value} isOpen={open} isWrapped={wrap.value === 'on'} isPretty={pretty.value === 'on'} zone={zone.value} />
                    {open && (
                      <div role="row">
                        <div role="gridcell">
                          <Detail entry={row} matcher={matcher} />
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

/** Where nobody chose columns and lines are of several services, their names are one. */
function columnsOf(chosen: string[], list: Row[]): string[] {
  if (chosen.length) return chosen;
  const names = new Set(list.slice(0, 100).map((row) => (isGap(row) ? '' : row.labels.service_name)).filter(Boolean));
  return names.size > 1 ? ['service_name'] : [];
}

function Header({ columns }: { columns: string[] }) {
  if (!columns.length) return null;
  return (
    <div class="lines-header" aria-hidden="true">
      <span class="row-level" />
      <span class="row-time">{t('list.time')}</span>
      {columns.map((name) => <span key={name} class="row-column" title={name}>{name}</span>)}
      <span class="row-line">{t('list.line')}</span>
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
