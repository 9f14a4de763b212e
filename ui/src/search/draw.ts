/** Draws series as lines with uPlot; loaded when the first metric query is run. */

import uPlot from 'uplot';
import { clock, compact, day } from '../i18n';
import { zone } from '../state/settings';

export interface Drawn {
  name: string;
  points: [number, number][];
  colour: number;
}

const HEIGHT = 280;

/** Puts a chart into the box; gives what takes it out again. */
export function draw(box: HTMLElement, series: Drawn[], zoom: (start: number, end: number) => void): () => void {
  const times = gridOf(series);
  const data = [times, ...series.map((s) => column(times, s.points))] as uPlot.AlignedData;
  const style = getComputedStyle(box);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const seconds = (times.at(-1) ?? 0) - (times[0] ?? 0);
  const isLong = seconds > 86_400;
  const label = (at: number) => (isLong ? `${day(at * 1000).slice(5)} ${clock(at * 1000).slice(0, 5)}` : clock(at * 1000).slice(0, seconds < 1800 ? 8 : 5));
  const axis = { stroke: colour('--quiet'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false }, font: '11px system-ui' };
  const chart = new uPlot(
    {
      width: box.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { drag: { x: true, y: false, setScale: false } },
      scales: { x: { time: true } },
      tzDate: (at) => (zone.value === 'utc' ? uPlot.tzDate(new Date(at * 1000), 'Etc/UTC') : new Date(at * 1000)),
      axes: [
        { ...axis, values: (_, at) => at.map(label) },
        { ...axis, size: 56, values: (_, values) => values.map((value) => compact(value)) },
      ],
      series: [{}, ...series.map((s) => ({ label: s.name, stroke: colour(`--series-${s.colour}`), width: 1.5, points: { show: times.length < 3 } }))],
      hooks: {
        setSelect: [
          (u) => {
            if (u.select.width > 4) zoom(u.posToVal(u.select.left, 'x') * 1000, u.posToVal(u.select.left + u.select.width, 'x') * 1000);
          },
        ],
      },
    },
    data,
    box,
  );
  const observer = new ResizeObserver(() => chart.setSize({ width: box.clientWidth, height: HEIGHT }));
  observer.observe(box);
  return () => {
    observer.disconnect();
    chart.destroy();
  };
}

/** All times at the distance of the closest two: where a series says nothing, its line has a gap. */
function gridOf(series: Drawn[]): number[] {
  const found = [...new Set(series.flatMap((s) => s.points.map(([at]) => at)))].toSorted((a, b) => a - b);
  const [first, last] = [found[0] ?? 0, found.at(-1) ?? 0];
  const step = found.reduce((least, at, i) => (i ? Math.min(least, at - (found[i - 1] ?? at)) : least), Infinity);
  if (!Number.isFinite(step) || (last - first) / step > 20_000) return found;
  return Array.from({ length: Math.round((last - first) / step) + 1 }, (_, i) => Math.round((first + i * step) * 1000) / 1000);
}

function column(times: number[], points: [number, number][]): (number | null)[] {
  const at = new Map(points);
  return times.map((time) => at.get(time) ?? null);
}
