/** Storage: what is stored by whom, which labels make streams, how long it stays, and deletes. */

import { useEffect, useState } from 'preact/hooks';
import { fetchAmount, fetchLabelAmounts, fetchLimits, fetchServiceAmounts, limitMs, type Amount, type LabelAmount, type Limits, type ServiceAmount } from '../api/storage';
import { bytes, compact, lengthText, number, percent, t } from '../i18n';
import { quote } from '../logql/split';
import { visible } from '../parts/text';
import { search } from '../search/actions';
import { Failed, Waiting } from '../search/States';
import { failureOf, type Failure } from '../search/store';
import { runs } from '../state/place';
import { parseDuration, shortDuration } from '../time/range';
import { Deletes } from './Deletes';

const LENGTHS = ['1d', '7d', '30d'] as const;

interface Stored {
  total: Amount;
  services: ServiceAmount[];
  labels: LabelAmount[];
  limits: Limits;
}

export function Storage() {
  const [length, setLength] = useState<string>('1d');
  const [stored, setStored] = useState<Stored | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  useEffect(() => {
    const aborter = new AbortController();
    const end = Date.now();
    const span = { start: end - (parseDuration(length) ?? 0), end };
    const load = async () => {
      const [total, services, labels, limits] = await Promise.all([
        fetchAmount('{}', span, aborter.signal),
        fetchServiceAmounts(span, aborter.signal),
        fetchLabelAmounts(span, aborter.signal),
        fetchLimits(aborter.signal),
      ]);
      setStored({ total, services, labels, limits });
      setFailure(null);
    };
    load().catch((error: unknown) => {
      if (!aborter.signal.aborted) setFailure(failureOf(error));
    });
    return () => aborter.abort();
  }, [length, runs.value]);
  return (
    <main class="home storage">
      <div class="home-head">
        <h1>{t('storage.title')}</h1>
        <div class="around-scopes" role="radiogroup" aria-label={t('time.label')}>
          {LENGTHS.map((each) => (
            <button key={each} type="button" role="radio" aria-checked={each === length} onClick={() => setLength(each)}>
              {t('time.last', { length: lengthText(each) })}
            </button>
          ))}
        </div>
      </div>
      {failure && <Failed failure={failure} />}
      {!stored && !failure && <Waiting />}
      {stored && (
        <>
          <dl class="figures">
            <Figure name={t('storage.bytes')} value={bytes(stored.total.bytes)} />
            <Figure name={t('home.lines')} value={compact(stored.total.entries)} title={number(stored.total.entries)} />
            <Figure name={t('storage.streams')} value={compact(stored.total.streams)} title={number(stored.total.streams)} />
            <Figure name={t('storage.retention')} value={retention(stored.limits)} />
          </dl>
          <Services list={stored.services} total={stored.total} length={length} />
          <Labels list={stored.labels} />
          <Rules limits={stored.limits} />
        </>
      )}
      <Deletes />
    </main>
  );
}

function Figure({ name, value, title }: { name: string; value: string; title?: string }) {
  return (
    <div title={title}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function retention({ retention_period }: Limits): string {
  const length = limitMs(retention_period);
  return length ? lengthText(shortDuration(length)) : t('storage.forever');
}

function Services({ list, total, length }: { list: ServiceAmount[]; total: Amount; length: string }) {
  if (!list.length) return <p class="note">{t('empty.title')}</p>;
  return (
    <table class="services">
      <thead>
        <tr>
          <th scope="col">{t('home.service')}</th>
          <th scope="col" class="figure">{t('storage.bytes')}</th>
          <th scope="col" class="wide">{t('storage.share')}</th>
          <th scope="col" class="figure">{t('home.lines')}</th>
          <th scope="col" class="figure">{t('storage.streams')}</th>
        </tr>
      </thead>
      <tbody>
        {list.map((service) => (
          <tr key={service.name}>
            <th scope="row">
              <button type="button" onClick={() => search(`{service_name=${quote(service.name)}}`, { from: `now-${length}`, to: 'now' })}>
                {visible(service.name)}
              </button>
            </th>
            <td class="figure">{bytes(service.bytes)}</td>
            <td class="wide">
              <meter class="meter" min={0} max={1} value={service.bytes / Math.max(1, total.bytes)} aria-label={t('storage.share')} /> {percent(service.bytes / Math.max(1, total.bytes))}
            </td>
            <td class="figure" title={number(service.entries)}>{compact(service.entries)}</td>
            <td class="figure">{number(service.streams)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Labels({ list }: { list: LabelAmount[] }) {
  if (!list.length) return null;
  return (
    <section>
      <h2>{t('storage.labels')}</h2>
      <p class="note">{t('storage.labels.hint')}</p>
      <ul class="label-list">
        {list.map(({ label, cardinality }) => (
          <li key={label}>
            <code>{visible(label)}</code> <b>{number(cardinality)}</b>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Rules({ limits }: { limits: Limits }) {
  if (!limits.retention_stream.length) return null;
  return (
    <section>
      <h2>{t('storage.rules')}</h2>
      <ul class="label-list">
        {limits.retention_stream.map(({ selector = '', period = '' }) => (
          <li key={selector}>
            <code>{visible(selector)}</code> <b>{period}</b>
          </li>
        ))}
      </ul>
    </section>
  );
}
