/** Home: services by errors and lines, against the hour before; on an empty server the first push. */

import { signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import type { Trouble } from '../api/http';
import { compact, number, percent, t } from '../i18n';
import { quote } from '../logql/split';
import { openPasted, search } from '../search/actions';
import { Failed, Waiting } from '../search/States';
import { failureOf } from '../search/store';
import { runs } from '../state/place';
import { visible } from '../parts/text';
import { Icon } from '../parts/Icon';
import { FirstPush } from './FirstPush';
import { fetchServices, newestEver, type Service } from './services';

const REFRESH_MS = 30_000;

const services = signal<Service[] | null>(null);
const newest = signal<number | null>(null);
const trouble = signal<{ trouble: Trouble; message: string } | null>(null);

async function load(aborted: AbortSignal) {
  try {
    const found = await fetchServices(Date.now(), aborted);
    newest.value = found.length ? null : await newestEver(aborted);
    services.value = found;
    trouble.value = null;
  } catch (error) {
    if (!aborted.aborted) trouble.value = failureOf(error);
  }
}

export function Home() {
  useEffect(() => {
    const aborter = new AbortController();
    void load(aborter.signal);
    const timer = setInterval(() => {
      if (!document.hidden) void load(aborter.signal);
    }, REFRESH_MS);
    return () => {
      clearInterval(timer);
      aborter.abort();
    };
  }, [runs.value]);
  const list = services.value;
  return (
    <main class="home">
      <SearchField />
      {trouble.value && <Failed failure={trouble.value} />}
      {!list && !trouble.value && <Waiting />}
      {list && list.length > 0 && <Services list={list} />}
      {list?.length === 0 && newest.value !== null && <Quiet at={newest.value} />}
      {list?.length === 0 && newest.value === null && <FirstPush arrived={() => void load(new AbortController().signal)} />}
    </main>
  );
}

function SearchField() {
  const [text, setText] = useState('');
  return (
    <form
      class="home-search"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        const words = text.trim();
        if (!openPasted(words)) search(words ? `{} |= ${quote(words)}` : '');
      }}
    >
      <Icon name="search" />
      <input id="query" type="search" aria-label={t('nav.search')} placeholder={t('query.placeholder')} value={text} spellcheck={false} onInput={(event) => setText(event.currentTarget.value)} />
      <button type="submit" class="primary">
        {t('nav.search')}
      </button>
    </form>
  );
}

function Quiet({ at }: { at: number }) {
  return (
    <div class="state">
      <h2>{t('home.quiet')}</h2>
      <p class="note">{t('home.quiet.hint')}</p>
      <div class="ways">
        <button type="button" onClick={() => search('', { from: String(at - 900_000), to: String(at + 1000) })}>
          {t('home.older')}
        </button>
      </div>
    </div>
  );
}

function Services({ list }: { list: Service[] }) {
  const [filter, setFilter] = useState('');
  const shown = list.filter((s) => s.name.toLowerCase().includes(filter.toLowerCase()));
  return (
    <section aria-labelledby="services">
      <div class="home-head">
        <h1 id="services">
          {t('home.title')} <small>{t('home.window')}</small>
        </h1>
        {list.length > 10 && <input type="search" placeholder={t('home.filter')} aria-label={t('home.filter')} value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />}
      </div>
      <table class="services">
        <thead>
          <tr>
            <th scope="col">{t('home.service')}</th>
            <th scope="col" class="figure">{t('home.errors')}</th>
            <th scope="col" class="wide">{t('home.change')}</th>
            <th scope="col" class="figure">{t('home.lines')}</th>
            <th scope="col" class="wide">{t('home.activity')}</th>
          </tr>
        </thead>
        <tbody>
          {shown.slice(0, 300).map((service) => <ServiceRow key={service.name} service={service} />)}
        </tbody>
      </table>
    </section>
  );
}

function ServiceRow({ service }: { service: Service }) {
  const query = `{service_name=${quote(service.name)}}`;
  return (
    <tr data-bad={service.errors > 0 && service.errors > service.errorsBefore * 1.5}>
      <th scope="row">
        <button type="button" onClick={() => search(query, { from: 'now-1h', to: 'now' })}>
          {visible(service.name)}
        </button>
      </th>
      <td class="figure">
        {service.errors > 0 ? (
          <button type="button" class="errors" title={number(service.errors)} onClick={() => search(`${query} | detected_level=~"error|critical|fatal"`, { from: 'now-1h', to: 'now' })}>
            {compact(service.errors)}
          </button>
        ) : (
          <span class="none">0</span>
        )}
      </td>
      <td class="wide">
        <Change now={service.errors} before={service.errorsBefore} />
      </td>
      <td class="figure" title={number(service.lines)}>
        {compact(service.lines)}
      </td>
      <td class="wide">
        <Spark service={service} />
      </td>
    </tr>
  );
}

function Change({ now, before }: { now: number; before: number }) {
  if (now === before) return <span class="none">{now === 0 ? '' : t('home.same')}</span>;
  if (before === 0) return <span class="change" data-worse="true">{t('home.new')}</span>;
  const share = (now - before) / before;
  const text = share >= 1 ? `× ${compact(now / before)}` : `${share > 0 ? '+' : '−'}${percent(Math.abs(share))}`;
  return (
    <span class="change" data-worse={share > 0} title={`${number(before)} → ${number(now)}`}>
      {share > 0 ? '▲' : '▼'} {text}
    </span>
  );
}

const WIDTH = 180;
const HEIGHT = 28;

function Spark({ service: { name, spark, sparkErrors } }: { service: Service }) {
  const highest = Math.max(1, ...spark);
  const width = WIDTH / Math.max(1, spark.length);
  const bar = (count: number) => Math.max(count > 0 ? 1 : 0, (count / highest) * (HEIGHT - 2));
  return (
    <svg class="spark" width={WIDTH} height={HEIGHT} role="img" aria-label={`${name}: ${t('home.activity')}`}>
      {spark.map((count, i) => <rect key={i} x={i * width} y={HEIGHT - bar(count)} width={Math.max(1, width - 1)} height={bar(count)} />)}
      {sparkErrors.map((count, i) => <rect key={`e${i}`} class="level-error" x={i * width} y={HEIGHT - bar(count)} width={Math.max(1, width - 1)} height={bar(count)} />)}
    </svg>
  );
}
