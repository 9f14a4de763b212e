/** One row: level, time, columns, line. Drawn again only when something of it changed. */

import { Component } from 'preact';
import type { Entry } from '../api/entries';
import { bothZones, clock, day, t } from '../i18n';
import { LETTERS } from '../levels';
import { LineText } from '../parts/Line';
import { jsonOf, rowText, SHOWN_CHARS, visible } from '../parts/text';
import type { Zone } from '../time/range';
import { ran } from './store';
import { valueOf } from './value';

/** Lines with columns, columns alone, or all of an entry as JSON. */
export type Mode = 'lines' | 'table' | 'json';

interface Props {
  entry: Entry;
  index: number;
  columns: string[];
  matcher: RegExp | null;
  isCurrent: boolean;
  isChosen?: boolean;
  isOpen: boolean;
  mode?: Mode;
  isWrapped: boolean;
  isPretty: boolean;
  zone: Zone;
}

export class RowView extends Component<Props> {
  override shouldComponentUpdate(next: Props) {
    return (Object.keys(next) as (keyof Props)[]).some((name) => next[name] !== this.props[name]);
  }

  override render({ entry, index, columns, matcher, isCurrent, isChosen = false, isOpen, mode = 'lines', isWrapped, isPretty }: Props) {
    const spansDays = ran.value.span.end - ran.value.span.start > 86_400_000;
    return (
      <div id={`row-${index}`} class="row" role="row" aria-rowindex={index + 1} aria-expanded={isOpen} aria-selected={isChosen} data-level={entry.level} data-current={isCurrent}>
        <span class={`row-level badge level-${entry.level}`} role="gridcell" aria-label={t(`level.${entry.level}`)}>
          {LETTERS[entry.level]}
        </span>
        <span class="row-time" role="gridcell" title={bothZones(entry.ms)}>
          {spansDays && <small>{day(entry.ms).slice(5)} </small>}
          {clock(entry.ms)}
        </span>
        {columns.map((name) => <span key={name} class="row-column" role="gridcell" title={valueOf(entry, name)}>{visible(valueOf(entry, name).slice(0, 200))}</span>)}
        {mode === 'lines' && <Text entry={entry} matcher={matcher} isWrapped={isWrapped} isPretty={isPretty} />}
        {mode === 'json' && <Json entry={entry} matcher={matcher} />}
      </div>
    );
  }
}

/** All of an entry: labels and metadata, and the line as what it is. */
function Json({ entry: { labels, metadata, line }, matcher }: Pick<Props, 'entry' | 'matcher'>) {
  const found = jsonOf(line.slice(0, 200_000));
  const text = JSON.stringify({ ...labels, ...metadata, line: found ?? line.slice(0, SHOWN_CHARS) }, null, 2);
  return (
    <span class="row-line row-json" role="gridcell">
      <LineText text={text.slice(0, SHOWN_CHARS)} matcher={matcher} />
      {text.length > SHOWN_CHARS && <small class="more">… +{text.length - SHOWN_CHARS}</small>}
    </span>
  );
}

function Text({ entry, matcher, isWrapped, isPretty }: Pick<Props, 'entry' | 'matcher' | 'isWrapped' | 'isPretty'>) {
  const json = isPretty ? jsonOf(entry.line.slice(0, 200_000)) : null;
  if (json || isWrapped) {
    const text = json ? JSON.stringify(json, null, 2) : entry.line;
    return (
      <span class="row-line" role="gridcell">
        <LineText text={text.slice(0, SHOWN_CHARS)} matcher={matcher} />
        {text.length > SHOWN_CHARS && <small class="more">… +{text.length - SHOWN_CHARS}</small>}
      </span>
    );
  }
  const { text, folded, isShifted } = rowText(entry.line, matcher);
  return (
    <span class="row-line" role="gridcell">
      {isShifted && <small class="more">… </small>}
      <LineText text={text} matcher={matcher} />
      {folded > 0 && <small class="more">{t('list.folded', { count: folded })}</small>}
    </span>
  );
}
