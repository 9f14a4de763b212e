/** Flows over time, and a slider that moves the map through it. */

import { useEffect, useRef, useState } from 'preact/hooks';
import { isDenied, type Edge } from '../api/map';
import { queryRange } from '../api/metrics';
import { number, t } from '../i18n';
import { rangeLabel } from '../search/TimeField';
import { note, place, runs } from '../state/place';
import { resolve, type Range, type Span } from '../time/range';

/** Windows of the map's own length, of which the last is where the slider begins. */
const WINDOWS = 24;

/** A rest this long, and the map follows the slider. */
const WAIT_MS = 200;

/** Steps of a window in which flows are counted. */
const STEPS = 8;

const FLOWS = '{service_name=~".+"} | verdict!=""';

interface Window {
  flows: number;
  denied: number;
}

/** The window that lies `back` lengths before another. */
function windowOf({ start, end }: Span, back: number): Span {
  return { start: start - back * (end - start), end: end - back * (end - start) };
}

/** About how many flows each window has: servers count at whole multiples of a step, which lie across its ends. */
async function fetchWindows(last: Span, aborted: AbortSignal): Promise<Window[]> {
  const length = last.end - last.start;
  const begin = last.end - WINDOWS * length;
  const step = Math.max(1, Math.round(length / STEPS / 1000));
  const aligned = (ms: number) => Math.floor(ms / 1000 / step) * step * 1000;
  const points = { start: aligned(begin) + step * 1000, end: aligned(last.end) + step * 1000 };
  const found = await queryRange(`sum by (verdict) (count_over_time(${FLOWS} [${step}s]))`, points, step, aborted);
  const all = Array.from({ length: WINDOWS }, (): Window => ({ flows: 0, denied: 0 }));
  for (const { labels, points: values } of found) {
    for (const [at, count] of values) {
      const middle = (at - step / 2) * 1000;
      const one = all[Math.min(WINDOWS - 1, Math.floor((middle - begin) / length))];
      if (!one) continue;
      one.flows += count;
      if (isDenied(labels.verdict ?? '')) one.denied += count;
    }
  }
  return all;
}

const rangeOf = ({ start, end }: Span): Range => ({ from: String(Math.round(start)), to: String(Math.round(end)) });
const textOf = ({ from, to }: Range) => `${from} ${to}`;

export function MapTime({ shown }: { shown: Edge[] | null }) {
  const { range } = place.value;
  const own = useRef('');
  const [last, setLast] = useState(() => ({ span: resolve(range), range }));
  const [back, setBack] = useState(0);
  const [windows, setWindows] = useState<Window[]>([]);
  const timer = useRef(0);
  useEffect(() => {
    // Another time that was chosen elsewhere is where the slider begins anew.
    if (textOf(range) === own.current) return;
    own.current = textOf(range);
    setLast({ span: resolve(range), range });
    setBack(0);
  }, [range]);
  useEffect(() => {
    const aborter = new AbortController();
    fetchWindows(last.span, aborter.signal).then(setWindows, () => setWindows([]));
    return () => aborter.abort();
  }, [last]);
  const move = (to: number) => {
    setBack(to);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      const next = to === 0 ? last.range : rangeOf(windowOf(last.span, to));
      own.current = textOf(next);
      note({ range: next });
      runs.value++;
    }, WAIT_MS);
  };
  const most = Math.max(1, ...windows.map((each) => each.flows));
  const sum = (of: (edge: Edge) => number) => number((shown ?? []).reduce((total, edge) => total + of(edge), 0));
  const label = rangeLabel(back === 0 ? last.range : rangeOf(windowOf(last.span, back)));
  // Without a flow anywhere there is nowhere to go.
  if (!windows.some((each) => each.flows > 0)) return null;
  return (
    <div class="map-time">
      <div class="map-windows" aria-hidden="true">
        {windows.map((each, i) => (
          <i key={i} data-shown={i === WINDOWS - 1 - back}>
            <b style={{ height: `${((each.flows - each.denied) / most) * 100}%` }} />
            <b class="denied-part" style={{ height: `${(each.denied / most) * 100}%` }} />
          </i>
        ))}
      </div>
      <input
        type="range"
        min={0}
        max={WINDOWS - 1}
        value={WINDOWS - 1 - back}
        aria-label={t('map.slider')}
        aria-valuetext={label}
        title={t('map.slider')}
        onInput={(event) => move(WINDOWS - 1 - Number(event.currentTarget.value))}
      />
      <span class="note">
        {label}
        {shown && ` · ${t('map.window', { flows: sum((edge) => edge.flows), denied: sum((edge) => edge.denied) })}`}
      </span>
    </div>
  );
}
