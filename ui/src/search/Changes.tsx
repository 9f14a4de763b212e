/** What changed: templates and values that are new, gone, more or fewer than in another window. */

import { useEffect, useState } from 'preact/hooks';
import { countLines } from '../api/patterns';
import { compact, number, percent, stamp, t } from '../i18n';
import { LETTERS } from '../levels';
import { visible } from '../parts/text';
import { filterBy, filterPattern } from './actions';
import { BASELINES, baselineSpan, comparePatterns, compareValues, weight, type Baseline, type PatternChange, type ValueChange } from './changes';
import { failureOf, fields, ran } from './store';
import { Template } from './Template';

const ROWS = 40;

interface Totals {
  now: number;
  before: number;
}

export function Changes() {
  const [baseline, setBaseline] = useState<Baseline>('before');
  const [totals, setTotals] = useState<Totals | null>(null);
  const [patterns, setPatterns] = useState<PatternChange[]>([]);
  const [values, setValues] = useState<ValueChange[]>([]);
  const [isBusy, setBusy] = useState(true);
  const [trouble, setTrouble] = useState('');
  const { query, span } = ran.value;
  const other = baselineSpan(span, baseline);
  const known = fields.value;
  useEffect(() => {
    const aborter = new AbortController();
    const { signal } = aborter;
    setTotals(null);
    setPatterns([]);
    setValues([]);
    setTrouble('');
    setBusy(true);
    const compare = async () => {
      const [now, before] = await Promise.all([countLines(query, span, signal), countLines(query, other, signal)]);
      setTotals({ now, before });
      await Promise.all([
        comparePatterns(query, span, other, signal, (change) => setPatterns((list) => [...list, change])),
        compareValues(query, known ?? [], { now, before }, span, other, signal, (changes) => setValues((list) => [...list, ...changes])),
      ]);
      setBusy(false);
    };
    compare().catch((error: unknown) => {
      if (signal.aborted) return;
      setTrouble(failureOf(error).message || t('error.gone'));
      setBusy(false);
    });
    return () => aborter.abort();
  }, [query, span, baseline, known]);
  return (
    <section class="changes" aria-label={t('changes.title')} tabIndex={0}>
      <div class="changes-head">
        <div class="around-scopes" role="radiogroup" aria-label={t('changes.against')}>
          {BASELINES.map((name) => (
            <button key={name} type="button" role="radio" aria-checked={name === baseline} onClick={() => setBaseline(name)}>
              {t(`changes.${name}`)}
            </button>
          ))}
        </div>
        <span class="note">
          {stamp(other.start).slice(0, 19)} – {stamp(other.end).slice(0, 19)}
        </span>
        {totals && (
          <span>
            <b>{number(totals.now)}</b> {t('changes.lines')} <Change now={totals.now} before={totals.before} />
          </span>
        )}
        {isBusy && (
          <span class="note" role="status">
            {t('changes.counting')}
          </span>
        )}
      </div>
      {trouble && <p class="note warning">{trouble}</p>}
      <h2>{t('changes.patterns')}</h2>
      <Patterns list={patterns} isBusy={isBusy} />
      <h2>{t('changes.values')}</h2>
      <Values list={values} totals={totals} isBusy={isBusy} />
    </section>
  );
}

function Change({ now, before }: Totals) {
  if (before === 0 && now > 0) return <span class="change" data-kind="new">{t('changes.new')}</span>;
  if (now === 0) return <span class="change" data-kind="gone">{t('changes.gone')}</span>;
  const times = now / before;
  if (Math.abs(times - 1) < 0.05) return <span class="change">=</span>;
  const text = times >= 2 || times <= 0.5 ? `× ${number(times)}` : `${times > 1 ? '+' : '−'}${percent(Math.abs(times - 1))}`;
  return <span class="change" data-kind={times > 1 ? 'more' : 'less'}>{text}</span>;
}

function Count({ now, before }: Totals) {
  return (
    <>
      <td class="figure" title={number(before)}>{compact(before)}</td>
      <td class="figure" title={number(now)}>{compact(now)}</td>
    </>
  );
}

function Head({ first }: { first: string }) {
  return (
    <thead>
      <tr>
        <th scope="col">{t('changes.change')}</th>
        <th scope="col" class="figure">{t('changes.then')}</th>
        <th scope="col" class="figure">{t('changes.now')}</th>
        <th scope="col">{first}</th>
      </tr>
    </thead>
  );
}

function Patterns({ list, isBusy }: { list: PatternChange[]; isBusy: boolean }) {
  if (!list.length) return <p class="note">{isBusy ? t('list.loading') : t('changes.nopatterns')}</p>;
  return (
    <table class="changes-table">
      <Head first={t('changes.pattern')} />
      <tbody>
        {list.toSorted((a, b) => weight(b) - weight(a)).slice(0, ROWS).map((p) => (
          <tr key={p.pattern}>
            <td><Change now={p.now} before={p.before} /></td>
            <Count now={p.now} before={p.before} />
            <td class="pattern">
              <span class={`badge level-${p.level}`}>{LETTERS[p.level]}</span> <Template text={p.pattern} />
              <span class="picks">
                <button type="button" title={t('changes.only')} aria-label={t('changes.only')} onClick={() => filterPattern('|>', p.pattern)}>+</button>
                <button type="button" title={t('changes.without')} aria-label={t('changes.without')} onClick={() => filterPattern('!>', p.pattern)}>−</button>
              </span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Values({ list, totals, isBusy }: { list: ValueChange[]; totals: Totals | null; isBusy: boolean }) {
  if (!list.length) return <p class="note">{isBusy ? t('list.loading') : t('changes.novalues')}</p>;
  const share = (count: number, total: number | undefined) => percent(count / Math.max(1, total ?? 1));
  const difference = (v: ValueChange) => Math.abs(v.now / Math.max(1, totals?.now ?? 1) - v.before / Math.max(1, totals?.before ?? 1));
  return (
    <table class="changes-table">
      <Head first={t('changes.value')} />
      <tbody>
        {list.toSorted((a, b) => difference(b) - difference(a)).slice(0, ROWS).map((v) => (
          <tr key={`${v.name}=${v.value}`}>
            <td><Change now={v.now} before={v.before} /></td>
            <td class="figure" title={number(v.before)}>{share(v.before, totals?.before)}</td>
            <td class="figure" title={number(v.now)}>{share(v.now, totals?.now)}</td>
            <td class="pattern">
              <b>{visible(v.name)}</b> = {visible(v.value.slice(0, 300))}
              <span class="picks">
                <button type="button" title={t('fields.with', { name: v.name, value: v.value })} aria-label={t('fields.with', { name: v.name, value: v.value })} onClick={() => filterBy(v.source, v.name, '=', v.value)}>+</button>
                <button type="button" title={t('fields.without', { name: v.name, value: v.value })} aria-label={t('fields.without', { name: v.name, value: v.value })} onClick={() => filterBy(v.source, v.name, '!=', v.value)}>−</button>
              </span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
