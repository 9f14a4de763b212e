/** The lines around a line, in place: the list stays where it is. */

import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Entry } from '../api/entries';
import { clock, seconds, t } from '../i18n';
import { LETTERS } from '../levels';
import { LineText } from '../parts/Line';
import { rowText } from '../parts/text';
import { AROUND, fetchAround, scopesOf, type Around as Found, type Scope } from './neighbours';
import { failureOf } from './store';

function scopeText(scope: Scope): string {
  switch (scope.kind) {
    case 'stream': return t('around.stream');
    case 'label': return t('around.by', { name: scope.name });
    case 'trace': return t('around.by', { name: 'trace_id' });
    case 'all': return t('around.all');
  }
}

export function Around({ entry }: { entry: Entry }) {
  const scopes = useMemo(() => scopesOf(entry), [entry]);
  const [chosen, choose] = useState(0);
  const [count, setCount] = useState(AROUND);
  const [found, setFound] = useState<Found | null>(null);
  const [trouble, setTrouble] = useState('');
  useEffect(() => {
    const aborter = new AbortController();
    const scope = scopes[chosen] ?? { kind: 'stream' };
    setTrouble('');
    fetchAround(entry, scope, count, aborter.signal).then(setFound, (error: unknown) => {
      if (!aborter.signal.aborted) setTrouble(failureOf(error).message || t('error.gone'));
    });
    return () => aborter.abort();
  }, [entry, chosen, count]);
  return (
    <section class="around" aria-label={t('around.title')}>
      <div class="around-scopes" role="radiogroup" aria-label={t('around.title')}>
        {scopes.map((scope, i) => (
          <button key={scopeText(scope)} type="button" role="radio" aria-checked={i === chosen} onClick={() => choose(i)}>
            {scopeText(scope)}
          </button>
        ))}
      </div>
      {trouble && <p class="note">{trouble}</p>}
      {!found && !trouble && <p class="note">{t('list.loading')}</p>}
      {found && (
        <>
          <Edge hasMore={found.hasOlder} text={t('around.before', { count: AROUND })} end={t('around.start')} act={() => setCount(count + AROUND)} />
          <ol>
            {found.before.map((e, i) => <AroundRow key={`b${i}`} entry={e} than={entry} />)}
            <AroundRow entry={entry} than={entry} isTarget />
            {found.after.map((e, i) => <AroundRow key={`a${i}`} entry={e} than={entry} />)}
          </ol>
          <Edge hasMore={found.hasNewer} text={t('around.after', { count: AROUND })} end={t('around.end')} act={() => setCount(count + AROUND)} />
        </>
      )}
    </section>
  );
}

function Edge({ hasMore, text, end, act }: { hasMore: boolean; text: string; end: string; act: () => void }) {
  if (!hasMore) return <p class="note edge">{end}</p>;
  return (
    <button type="button" class="quiet edge" onClick={act}>
      {text}
    </button>
  );
}

/** Labels that tell a line apart from the one in the middle. */
function differing(entry: Entry, than: Entry): string {
  return Object.entries(entry.labels).filter(([name, value]) => than.labels[name] !== value).map(([, value]) => value).join(' ');
}

/** How long before or after another: −1.2s, +340µs. */
export function delta(ns: string, than: string): string {
  const difference = Number(BigInt(ns) - BigInt(than)) / 1e9;
  if (difference === 0) return '±0';
  return (difference < 0 ? '−' : '+') + seconds(Math.abs(difference));
}

function AroundRow({ entry, than, isTarget = false }: { entry: Entry; than: Entry; isTarget?: boolean }) {
  const { text, folded } = rowText(entry.line, null);
  const other = differing(entry, than);
  return (
    <li class="around-row" data-target={isTarget} aria-current={isTarget}>
      <span class={`badge level-${entry.level}`}>{LETTERS[entry.level]}</span>
      <span class="row-time">{clock(entry.ms)}</span>
      <span class="row-delta">{isTarget ? '' : delta(entry.ns, than.ns)}</span>
      {other && <span class="around-other">{other}</span>}
      <span class="row-line">
        <LineText text={text} matcher={null} />
        {folded > 0 && <small class="more">{t('list.folded', { count: folded })}</small>}
      </span>
    </li>
  );
}
