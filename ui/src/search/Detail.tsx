/** An open line: all of it, its fields to filter by, and the lines around. */

import { useMemo, useState } from 'preact/hooks';
import { keyOf, type Entry } from '../api/entries';
import type { Source } from '../logql/edit';
import { quote } from '../logql/split';
import { bytes, stamp, t } from '../i18n';
import { copy } from '../parts/clipboard';
import { Icon, type IconName } from '../parts/Icon';
import { JsonTree } from '../parts/JsonTree';
import { LineText } from '../parts/Line';
import { jsonOf, SHOWN_CHARS, visible } from '../parts/text';
import { place } from '../state/place';
import { Around } from './Around';
import { traceOf } from './neighbours';
import { filterBy, fixedLink, flipColumn, search } from './actions';
import { logfmtOf } from './logfmt';
import { flipAround, withAround } from './selection';
import { entryJson } from './taking';

/** "Show all" gives this much more at a time: a browser lays out no more at once without a stop. */
const MORE_CHARS = 200_000;

export function Detail({ entry, matcher }: { entry: Entry; matcher: RegExp | null }) {
  const hasAround = withAround.value.has(entry.id);
  const trace = traceOf(entry);
  return (
    <div class="detail" role="presentation">
      <div class="detail-tools">
        <time>{stamp(entry.ms)}{entry.ns.slice(-6).replace(/^000000$/, '')}</time>
        <Tool icon="around" text={t('line.around')} hint="x" isOn={hasAround} act={() => flipAround(entry)} />
        {trace && <Tool icon="trace" text={t('line.trace')} act={() => search(`{} |= ${quote(trace)}`)} />}
        <Tool icon="copy" text={t('line.copy')} hint="y" act={() => void copy(entry.line)} />
        <Tool icon="braces" text={t('line.json')} act={() => void copy(entryJson(entry))} />
        <Tool icon="link" text={t('line.link')} act={() => void copy(fixedLink(keyOf(entry)))} />
      </div>
      {hasAround && <Around entry={entry} />}
      <Body entry={entry} matcher={matcher} />
      <FieldTable entry={entry} />
    </div>
  );
}

function Tool({ icon, text, hint, isOn, act }: { icon: IconName; text: string; hint?: string; isOn?: boolean; act: () => void }) {
  return (
    <button type="button" class="tool" aria-pressed={isOn} title={hint ? `${text} ${hint}` : text} onClick={act}>
      <Icon name={icon} />
      <span>{text}</span>
    </button>
  );
}

function Body({ entry, matcher }: { entry: Entry; matcher: RegExp | null }) {
  const [shown, setShown] = useState(SHOWN_CHARS);
  const [isText, setText] = useState(false);
  const json = useMemo(() => jsonOf(entry.line), [entry.line]);
  const pick = (path: string[], value: string, op: '=' | '!=') => filterBy('json', path.join('_').replaceAll(/[^a-zA-Z0-9_]/g, '_'), op, value);
  if (json !== null && !isText) {
    return (
      <div class="detail-json">
        <button type="button" class="quiet corner" onClick={() => setText(true)}>
          {t('line.text')}
        </button>
        <JsonTree value={json} path={TOP} pick={Array.isArray(json) ? undefined : pick} />
      </div>
    );
  }
  return (
    <div class="detail-line">
      {json !== null && (
        <button type="button" class="quiet corner" onClick={() => setText(false)}>
          JSON
        </button>
      )}
      <pre>
        <LineText text={entry.line.slice(0, shown)} matcher={matcher} />
      </pre>
      {entry.line.length > shown && (
        <button type="button" class="quiet" onClick={() => setShown(shown + MORE_CHARS)}>
          {t('line.all', { size: bytes(entry.line.length) })}
        </button>
      )}
    </div>
  );
}

/** The root of a tree. */
const TOP: string[] = [];

interface Pair {
  name: string;
  value: string;
  source: Source;
}

function pairsOf(entry: Entry): Pair[] {
  const of = (source: Source, pairs: Record<string, string> | null) => Object.entries(pairs ?? {}).map(([name, value]) => ({ name: name.replaceAll(/[^a-zA-Z0-9_]/g, '_'), value, source }));
  const fields = jsonOf(entry.line) === null ? of('logfmt', logfmtOf(entry.line)) : [];
  const all = [...of('label', entry.labels), ...of('metadata', entry.metadata), ...fields];
  const names = new Set(all.map((p) => p.name));
  return [...all, ...of('parsed', entry.parsed).filter((p) => !names.has(p.name))];
}

function FieldTable({ entry }: { entry: Entry }) {
  const pairs = useMemo(() => pairsOf(entry), [entry]);
  return (
    <table class="pairs">
      <caption class="offscreen">{t('line.fields')}</caption>
      <tbody>
        {pairs.map(({ name, value, source }) => (
          <tr key={`${source}.${name}`} data-source={source}>
            <th scope="row">{visible(name)}</th>
            <td>
              <span class="pair-value">{visible(value.slice(0, 2000))}</span>
              <span class="picks">
                <button type="button" title={t('fields.with', { name, value })} aria-label={t('fields.with', { name, value })} onClick={() => filterBy(source, name, '=', value)}>+</button>
                <button type="button" title={t('fields.without', { name, value })} aria-label={t('fields.without', { name, value })} onClick={() => filterBy(source, name, '!=', value)}>−</button>
                <button type="button" aria-pressed={place.value.columns.includes(name)} title={t('fields.column', { name })} aria-label={t('fields.column', { name })} onClick={() => flipColumn(name)}>
                  <Icon name="columns" />
                </button>
              </span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
