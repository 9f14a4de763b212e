import { describe, expect, it } from 'vitest';
import { histogramStep, parseDuration, parseRange, resolve, shift, shortDuration, zoomOut } from './range';

const NOW = Date.UTC(2026, 11, 1, 15, 30, 0);
const at = (h: number, m = 0, s = 0, d = 1) => String(Date.UTC(2026, 11, d, h, m, s));
const range = (text: string) => parseRange(text, 'utc', NOW);

describe('typed times', () => {
  it.each([
    ['15m', 'now-15m'],
    ['last 15m', 'now-15m'],
    ['past 2 days', 'now-2d'],
    ['now-1h 30m', 'now-1h30m'],
    ['90 minutes', 'now-1h30m'],
    ['30 days ago', 'now-30d'],
    ['최근 15분', 'now-15m'],
    ['3시간 전', 'now-3h'],
  ])('%s reaches to now', (text, from) => expect(range(text)).toEqual({ from, to: 'now' }));

  it.each([
    ['14:02-14:10', at(14, 2), at(14, 10)],
    ['14:02 - 14:10', at(14, 2), at(14, 10)],
    ['14:02 to 14:10', at(14, 2), at(14, 10)],
    ['23:50-00:10', at(23, 50, 0, 30 - 30), at(0, 10)],
    ['2026-12-01 14:02 - 14:10', at(14, 2), at(14, 10)],
    ['2026-12-01T14:02:00Z..2026-12-01T14:10:00Z', at(14, 2), at(14, 10)],
    ['now-2h to now-1h', 'now-2h', 'now-1h'],
    ['1796135520 - 1796136000', '1796135520000', '1796136000000'],
  ])('%s has two ends', (text, from, to) => expect(range(text)).toEqual({ from, to }));

  it.each([
    ['yesterday', Date.UTC(2026, 10, 30), Date.UTC(2026, 11, 1)],
    ['어제', Date.UTC(2026, 10, 30), Date.UTC(2026, 11, 1)],
    ['2026-11-02', Date.UTC(2026, 10, 2), Date.UTC(2026, 10, 3)],
    ['Jan 1 - Jan 2', Date.UTC(2026, 0, 1), Date.UTC(2026, 0, 3)],
    ['today', Date.UTC(2026, 11, 1), NOW],
  ])('%s is whole days', (text, from, to) => expect(range(text)).toEqual({ from: String(from), to: String(to) }));

  it.each([
    '2026-12-01T14:05:00Z',
    '2026-12-01 14:05:00,000',
    '2026-12-01T16:05:00+02:00',
    '01/Dec/2026:14:05:00 +0000',
    '[01/Dec/2026:14:05:00 +0000]',
    'Dec  1 14:05:00',
    '1796133900',
    '1796133900000',
    '1796133900000000',
    '1796133900000000000',
    '14:05:00',
  ])('%s is five minutes on each side', (text) => expect(range(text)).toEqual({ from: at(14), to: at(14, 10) }));

  it.each(['', 'soon', '{app="x"}', '25:99', 'now-', '12 parsecs'])('%j means nothing', (text) => expect(range(text)).toBeNull());
});

describe('ranges', () => {
  it('reads and writes durations', () => {
    expect(parseDuration('1h 30m')).toBe(5400000);
    expect(parseDuration('1x')).toBeNull();
    expect(shortDuration(5400000)).toBe('1h30m');
  });
  it('resolves, shifts and zooms', () => {
    expect(resolve({ from: 'now-1h', to: 'now' }, NOW)).toEqual({ start: NOW - 3600000, end: NOW });
    expect(resolve({ from: 'x', to: 'y' }, NOW)).toEqual({ start: NOW - 3600000, end: NOW });
    expect(shift({ from: '1000000000000', to: '1000000010000' }, -1, NOW)).toEqual({ from: '999999995000', to: '1000000005000' });
    expect(zoomOut({ from: 'now-1h', to: 'now' }, NOW)).toEqual({ from: 'now-2h', to: 'now' });
  });
  it('chooses steps by the number of bars', () => {
    expect(histogramStep({ start: 0, end: 3600000 }, 120)).toBe(30);
    expect(histogramStep({ start: 0, end: 1000 }, 120)).toBe(1);
    expect(histogramStep({ start: 0, end: 400 * 86400000 }, 100)).toBe(604800);
  });
});
