/** Map: who talks to whom, drawn and as a table; each edge leads to its flows. */

import { useEffect, useState } from 'preact/hooks';
import { fetchMap, LEVELS_OF_MAP, type Edge, type MapBy } from '../api/map';
import { bytes, compact, number, percent, t } from '../i18n';
import { visible } from '../parts/text';
import { search } from '../search/actions';
import { Failed, Waiting } from '../search/States';
import { failureOf, type Failure } from '../search/store';
import { TimeField } from '../search/TimeField';
import { place, runs } from '../state/place';
import { resolve } from '../time/range';
import { Drawing } from './Drawing';
import { MapTime } from './MapTime';

/** Edges that are drawn: more can't be told apart. All are in the table. */
const DRAWN_MAX = 60;

const TABLE_MAX = 300;

const keyOf = ({ from, to }: Edge) => `${from}\n${to}`;

export interface Known extends Edge {
  /** Whether it was not there in the time before. */
  isNew: boolean;
}

export function MapView() {
  const [by, setBy] = useState<MapBy>('workload');
  const [edges, setEdges] = useState<Known[] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [onlyDenied, setOnlyDenied] = useState(false);
  const [only, setOnly] = useState('');
  useEffect(() => {
    const aborter = new AbortController();
    const span = resolve(place.value.range);
    const before = { start: span.start - (span.end - span.start), end: span.start };
    const load = async () => {
      const [now, then] = await Promise.all([fetchMap(span, by, aborter.signal), fetchMap(before, by, aborter.signal).catch(() => null)]);
      const known = new Set((then ?? now).map(keyOf));
      // Where nothing was before, all would be new, which says nothing.
      setEdges(now.map((edge) => Object.assign({ isNew: known.size > 0 && !known.has(keyOf(edge)) }, edge)));
      setFailure(null);
    };
    load().catch((error: unknown) => {
      if (!aborter.signal.aborted) setFailure(failureOf(error));
    });
    return () => aborter.abort();
  }, [by, runs.value]);
  // What is drawn is of another kind until the answer is there.
  const choose = (next: MapBy) => {
    setBy(next);
    setEdges(null);
  };
  const shown = (edges ?? []).filter((edge) => (!onlyDenied || edge.denied > 0) && (!only || edge.from === only || edge.to === only));
  return (
    <main class="home map">
      <div class="home-head map-head">
        <h1>{t('nav.map')}</h1>
        <div class="around-scopes" role="radiogroup" aria-label={t('map.by')}>
          {LEVELS_OF_MAP.map((each) => (
            <button key={each} type="button" role="radio" aria-checked={each === by} onClick={() => choose(each)}>
              {t(`map.${each}`)}
            </button>
          ))}
        </div>
        <label class="check">
          <input type="checkbox" checked={onlyDenied} onChange={(event) => setOnlyDenied(event.currentTarget.checked)} /> {t('map.denied.only')}
        </label>
        {only && (
          <button type="button" class="quiet" onClick={() => setOnly('')}>
            {t('map.all')}
          </button>
        )}
        <span class="space" />
        <TimeField />
      </div>
      {failure && <Failed failure={failure} />}
      {!edges && !failure && <Waiting />}
      {edges?.length === 0 && <NoFlows />}
      {edges && edges.length > 0 && (
        <>
          {shown.length > DRAWN_MAX && <p class="note">{t('map.cut', { count: DRAWN_MAX, all: shown.length })}</p>}
          <Drawing edges={shown.slice(0, DRAWN_MAX)} choose={(name) => setOnly(name === only ? '' : name)} />
        </>
      )}
      <MapTime shown={edges} />
      {edges && edges.length > 0 && <EdgeTable edges={shown.slice(0, TABLE_MAX)} />}
    </main>
  );
}

/** `namespace/name`, which breaks at the slash where it must. */
function End({ name }: { name: string }) {
  const slash = name.indexOf('/') + 1;
  return (
    <>
      {slash > 0 && <span class="end-namespace">{visible(name.slice(0, slash))}</span>}
      {slash > 0 && <wbr />}
      {visible(name.slice(slash))}
    </>
  );
}

function NoFlows() {
  return (
    <div class="state" role="status">
      <h2>{t('map.none')}</h2>
      <p class="note">{t('map.none.hint')}</p>
      <pre class="hint-command">verdict=… src_namespace=… src_workload=… dst_namespace=… dst_workload=…</pre>
    </div>
  );
}

function EdgeTable({ edges }: { edges: Known[] }) {
  if (!edges.length) return <p class="note">{t('map.nothing')}</p>;
  return (
    <table class="services">
      <thead>
        <tr>
          <th scope="col">{t('map.from')}</th>
          <th scope="col">{t('map.to')}</th>
          <th scope="col" class="figure">{t('map.flows')}</th>
          <th scope="col" class="figure">{t('map.denied')}</th>
          <th scope="col" class="figure wide">{t('storage.bytes')}</th>
        </tr>
      </thead>
      <tbody>
        {edges.map((edge) => (
          <tr key={keyOf(edge)} data-bad={edge.denied > 0}>
            <th scope="row">
              <button type="button" onClick={() => search(edge.query)}>
                <End name={edge.from} />
              </button>
            </th>
            <td>
              <End name={edge.to} /> {edge.isNew && <span class="change" data-kind="new">{t('changes.new')}</span>}
            </td>
            <td class="figure" title={number(edge.flows)}>{compact(edge.flows)}</td>
            <td class="figure">{edge.denied > 0 ? <b class="denied">{compact(edge.denied)} ({percent(edge.denied / Math.max(1, edge.flows))})</b> : <span class="none">0</span>}</td>
            <td class="figure wide">{edge.bytes ? bytes(edge.bytes) : ''}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
