/** Nothing found, refused, slow, gone: what happened, why, and what to press. */

import { useEffect, useRef, useState } from 'preact/hooks';
import { fetchPage, spanNs } from '../api/entries';
import { identity, type Trouble } from '../api/http';
import { beginSession } from '../api/session';
import { fetchLevelCounts, totalOf } from '../api/metrics';
import { chips, isLogQuery } from '../logql/edit';
import { number, stamp, t, type Key } from '../i18n';
import { hintText } from '../i18n/hints';
import { runs } from '../state/place';
import { search, setRange } from './actions';
import { hint, ran, type Failure } from './store';

/** Where an empty answer looks for newer and older lines. */
const REACH_MS = 30 * 86_400_000;

/** Lines shown around the newest one. */
const BEFORE_NEWEST_MS = 15 * 60_000;

interface Way {
  text: string;
  go: () => void;
}

export function Empty() {
  const [ways, setWays] = useState<Way[] | null>(null);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const aborter = new AbortController();
    void findWays(aborter.signal).then(setWays, () => setWays([]));
    return () => aborter.abort();
  }, [ran.value]);
  // Enter takes the first way, unless something else has the focus.
  useEffect(() => {
    if (ways?.length && document.activeElement === document.body) box.current?.querySelector<HTMLElement>('.ways button')?.focus();
  }, [ways]);
  return (
    <div ref={box} class="state" role="status">
      <h2>{t('empty.title')}</h2>
      {hint.value && <p class="why">{hintText(hint.value)}</p>}
      {ways === null && <p class="note">{t('empty.looking')}</p>}
      {ways?.length === 0 && <p class="note">{t('empty.nothing')}</p>}
      <div class="ways">
        {ways?.map(({ text, go }) => (
          <button key={text} type="button" onClick={go}>
            {text}
          </button>
        ))}
      </div>
    </div>
  );
}

/** Ways out, each tried before it is offered. */
async function findWays(aborted: AbortSignal): Promise<Way[]> {
  const { query, span } = ran.value;
  if (!isLogQuery(query)) return [];
  const now = Date.now();
  const newest = fetchPage({ query, ...spanNs({ start: now - REACH_MS, end: now + 60_000 }), limit: 1, forward: false }, aborted).then(
    ({ entries }) => entries[0]?.ms ?? null,
    () => null,
  );
  const drops = chips(query)
    .slice(0, 8)
    .map(async (chip) => ({ chip, count: await fetchLevelCounts(chip.without, span, aborted).then(totalOf, () => 0) }));
  const ways: Way[] = [];
  const at = await newest;
  if (at !== null) {
    ways.push({
      text: t('empty.newest', { time: stamp(at).slice(0, 19) }),
      go: () => setRange({ from: String(at - BEFORE_NEWEST_MS), to: String(at + 1000) }),
    });
  }
  for (const { chip, count } of await Promise.all(drops))
    if (count > 0) ways.push({ text: t('empty.drop', { text: chip.text, count: number(count) }), go: () => search(chip.without === '{}' ? '' : chip.without) });
  return ways;
}

/** An answer that takes longer than this is said to. */
const SLOW_MS = 4000;

/** Still asked: after a while what could be done about it. */
export function Waiting({ stop }: { stop?: () => void }) {
  const [isSlow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), SLOW_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div class="state" role="status">
      <p>{t('list.loading')}</p>
      {isSlow && <p class="note">{t(stop ? 'list.slow.query' : 'list.slow')}</p>}
      {isSlow && stop && (
        <div class="ways">
          <button type="button" onClick={stop}>
            {t('query.stop')}
          </button>
        </div>
      )}
    </div>
  );
}

const ADVICE: Partial<Record<Trouble, Key>> = {
  gone: 'error.gone.hint',
  limited: 'error.limited.hint',
  slow: 'error.slow.hint',
  broken: 'error.broken.hint',
};

export function Failed({ failure }: { failure: Failure }) {
  if (failure.trouble === 'unauthorized') return <TokenForm message={failure.message} />;
  const advice = ADVICE[failure.trouble];
  return (
    <div class="state failed" role="alert">
      <h2>{t(`error.${failure.trouble}`)}</h2>
      {failure.message && <p class="why">{failure.message}</p>}
      {advice && <p class="note">{t(advice)}</p>}
      {failure.trouble !== 'refused' && (
        <div class="ways">
          <button type="button" onClick={() => runs.value++}>
            {t('error.again')}
          </button>
        </div>
      )}
    </div>
  );
}

export function TokenForm({ message }: { message: string }) {
  const [text, setText] = useState('');
  const [wasTried, setTried] = useState(false);
  return (
    <form
      class="state"
      onSubmit={(event) => {
        event.preventDefault();
        void beginSession(text.trim()).finally(() => {
          setTried(true);
          runs.value++;
        });
      }}
    >
      <h2>{t('token.title')}</h2>
      {message && <p class="why">{message}</p>}
      {(wasTried || identity.token) && <p class="note">{t('token.wrong')}</p>}
      <label>
        {t('token.label')} <input type="password" autocomplete="off" value={text} onInput={(event) => setText(event.currentTarget.value)} />
      </label>
      <button type="submit" class="primary">
        {t('token.use')}
      </button>
      <p class="note">{t('token.hint')}</p>
    </form>
  );
}
