/** Sources: who sends lines, since when, how late, and what was refused and why. */

import { useEffect, useState } from 'preact/hooks';
import { RequestError } from '../api/http';
import { fetchSources, type Listener, type Refusal, type Source, type Sources as Known } from '../api/sources';
import { compact, number, seconds, stamp, t } from '../i18n';
import { visible } from '../parts/text';
import { Failed, Waiting } from '../search/States';
import { failureOf, type Failure } from '../search/store';
import { go, runs } from '../state/place';

const REFRESH_MS = 15_000;

/** Silent for longer than this looks like a sender that stopped. */
const SILENT_SECONDS = 15 * 60;

const refusedOf = (source: Source) => source.refused.reduce((sum, refusal) => sum + refusal.count, 0);

export function Sources() {
  const [known, setKnown] = useState<Known | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [isMissing, setMissing] = useState(false);
  useEffect(() => {
    const aborter = new AbortController();
    const load = () =>
      fetchSources(aborter.signal).then(
        (found) => {
          setKnown(found);
          setFailure(null);
        },
        (error: unknown) => {
          if (aborter.signal.aborted) return;
          if (error instanceof RequestError && error.status === 404) setMissing(true);
          else setFailure(failureOf(error));
        },
      );
    void load();
    const timer = setInterval(() => {
      if (!document.hidden) void load();
    }, REFRESH_MS);
    return () => {
      clearInterval(timer);
      aborter.abort();
    };
  }, [runs.value]);
  const sources = known?.sources.toSorted((a, b) => refusedOf(b) - refusedOf(a) || a.silent_seconds - b.silent_seconds) ?? null;
  const refusals = (sources ?? []).flatMap((source) => source.refused.map((refusal) => ({ source, refusal })));
  return (
    <main class="home sources">
      <div class="home-head">
        <h1>
          {t('nav.sources')} <small>{t('sources.title')}</small>
        </h1>
      </div>
      {failure && <Failed failure={failure} />}
      {isMissing && <p class="state">{t('sources.missing')}</p>}
      {!sources && !failure && !isMissing && <Waiting />}
      {sources?.length === 0 && (
        <div class="state" role="status">
          <h2>{t('sources.none')}</h2>
          <p class="note">{t('sources.none.hint')}</p>
          <div class="ways">
            <button type="button" onClick={() => go({ view: 'home', query: '' })}>
              {t('nav.home')}
            </button>
          </div>
        </div>
      )}
      {refusals.length > 0 && <Refusals list={refusals} />}
      {sources && sources.length > 0 && <SourceTable list={sources} hasTenants={known?.auth_enabled !== false} />}
      {known && known.forgotten > 0 && <p class="note">{t('sources.forgotten', { count: known.forgotten })}</p>}
      {known?.listeners && <Listeners list={known.listeners} />}
    </main>
  );
}

function SourceTable({ list, hasTenants }: { list: Source[]; hasTenants: boolean }) {
  return (
    <table class="services">
      <thead>
        <tr>
          <th scope="col">{t('sources.client')}</th>
          <th scope="col">{t('sources.receiver')}</th>
          <th scope="col" class="figure">{t('home.lines')}</th>
          <th scope="col" class="figure">{t('sources.refused')}</th>
          <th scope="col">{t('sources.last')}</th>
          <th scope="col" class="figure wide">{t('sources.lag')}</th>
        </tr>
      </thead>
      <tbody>
        {list.map((source) => (
          <tr key={`${source.receiver} ${source.client} ${source.user_agent} ${source.tenant}`} data-bad={refusedOf(source) > 0}>
            <th scope="row">
              <span class="client">{visible(source.client)}</span> {source.user_agent && <small class="quiet-text">{visible(source.user_agent.slice(0, 60))}</small>}
            </th>
            <td>
              {visible(source.receiver)} {hasTenants && source.tenant && <small class="quiet-text">{visible(source.tenant)}</small>}
            </td>
            <td class="figure" title={number(source.entries)}>{compact(source.entries)}</td>
            <td class="figure">{refusedOf(source) > 0 ? <b class="denied">{compact(refusedOf(source))}</b> : <span class="none">0</span>}</td>
            <td><Last source={source} /></td>
            <td class="figure wide">{source.lag_seconds === null ? '' : seconds(source.lag_seconds)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Listeners({ list }: { list: Listener[] }) {
  return (
    <section>
      <h2>{t('sources.listeners')}</h2>
      <table class="services">
        <tbody>
          {list.map(({ protocol, address, messages, dropped = 0, refused_connections = 0 }) => (
            <tr key={`${protocol} ${address}`} data-bad={dropped + refused_connections > 0}>
              <th scope="row">{visible(protocol)}</th>
              <td><code>{visible(address)}</code></td>
              <td class="figure">{messages !== undefined && t('sources.messages', { count: messages })}</td>
              <td class="figure">
                {dropped > 0 && <b class="denied">{t('sources.dropped', { count: dropped })}</b>} {refused_connections > 0 && <b class="denied">{t('sources.connections', { count: refused_connections })}</b>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Last({ source }: { source: Source }) {
  return (
    <>
      {stamp(Date.parse(source.last_seen)).slice(0, 19)} {source.silent_seconds > SILENT_SECONDS && <small class="denied">{t('sources.silent')}</small>}
    </>
  );
}

function Refusals({ list }: { list: { source: Source; refusal: Refusal }[] }) {
  return (
    <section aria-labelledby="refusals">
      <h2 id="refusals">{t('sources.refusals')}</h2>
      <ul class="refusals">
        {list.toSorted((a, b) => b.refusal.count - a.refusal.count).slice(0, 100).map(({ source, refusal }, i) => (
          <li key={i}>
            <p>
              <b class="denied">{number(refusal.count)}</b> <b>{visible(refusal.reason)}</b> · {visible(source.client)} · {visible(source.receiver)}
            </p>
            {refusal.sample && <pre>{visible(refusal.sample.slice(0, 1000))}</pre>}
            {refusal.advice && <p>{visible(refusal.advice)}</p>}
            {refusal.setting && (
              <p class="note">
                {t('sources.setting')} <code>{visible(refusal.setting)}</code>
              </p>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}
