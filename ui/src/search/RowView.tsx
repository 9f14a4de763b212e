/** One row: level, time, columns, line. Drawn again only when something of it changed. */

import { Component } from 'preact';
import type { Entry } from '../api/entries';
import { bothZones, clock, day, t } from '../i18n';
import { LETTERS } from '../levels';
import { LineText } from '../parts/Line';
import { jsonOf, rowText, SHOWN_CHARS, visible } from '../parts/text';
import type { Zone } from '../time/range';
import { ran } from './store';
import { logfmtOf } from './logfmt';

interface Props {
  entry: Entry;
  index: number;
  columns: string[];
  matcher: RegExp | null;
  isCurrent: boolean;
  isOpen: boolean;
  isWrapped: boolean;
  isPretty: boolean;
  zone: Zone;
}

export class RowView extends Component<Props> {
  override shouldComponentUpdate(next: Props) {
    return (Object.keys(next) as (keyof Props)[]).some((name) => next[name] !== this.props[name]);
  }

  override render({ entry, index, columns, matcher, isCurrent, isOpen, isWrapped, isPretty }: Props) {
    const spansDays = ran.value.span.end - ran.value.span.start > 86_400_000;
    return (
      <div id={`row-${index}`} class="row" role="row" aria-rowindex={index + 1} aria-expanded={isOpen} data-level={entry.level} data-current={isCurrent}>
        <span class={`row-level badge level-${entry.level}`} role="gridcell" aria-label={t(`level.${entry.level}`)}>
          {LETTERS[entry.level]}
        </span>
        <span class="row-time" role="gridcell" title={bothZones(entry.ms)}>
          {spansDays && <small>{day(entry.ms).slice(5)} </small>}
          {clock(entry.ms)}
        </span>
        {columns.map((name) => <span key={name} class="row-column" role="gridcell" title={valueOf(entry, name)}>{visible(valueOf(entry, name).slice(0, 200))}</span>)}
        <Text entry={entry} matcher={matcher} isWrapped={isWrapped} isPretty={isPretty} />
      </div>
    );
  }
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

const fieldsOf = new WeakMap<Entry, Record<string, unknown>>();

/** A column's value: a label, metadata, or a field of the line. */
export function valueOf(entry: Entry, name: string): string {
  const known = entry.labels[name] ?? entry.metadata[name] ?? entry.parsed[name];
  if (known !== undefined) return known;
  let found = fieldsOf.get(entry);
  if (!found) {
    found = flat(jsonOf(entry.line.slice(0, 200_000))) ?? logfmtOf(entry.line) ?? {};
    fieldsOf.set(entry, found);
  }
  const value = Object.hasOwn(found, name) ? found[name] : undefined;
  return value === undefined || value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value);
}

/** Paths joined with `_`, as LogQL's json parser names them. */
function flat(value: unknown, prefix = '', into: Record<string, unknown> = {}): Record<string, unknown> | null {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return null;
  for (const [name, child] of Object.entries(value)) {
    const path = (prefix + name).replaceAll(/[^a-zA-Z0-9_]/g, '_');
    if (flat(child, `${path}_`, into) === null) Object.defineProperty(into, path, { value: child, enumerable: true });
  }
  return into;
}
