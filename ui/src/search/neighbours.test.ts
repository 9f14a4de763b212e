import { describe, expect, it, vi } from 'vitest';
import type { Entry } from '../api/entries';
import { sides } from './neighbours';

vi.hoisted(() => vi.stubGlobal('document', { baseURI: 'http://h/ui/' }));

let id = 0;
const entry = (ns: number, line: string): Entry => ({ id: ++id, ns: String(ns), ms: 0, line, labels: { app: 'a' }, metadata: {}, parsed: {}, level: 'info' });
const lines = (list: Entry[]) => list.map((e) => e.line).join(' ');

describe('the lines on each side', () => {
  const around = { before: [entry(1, 'a'), entry(2, 'b')], at: ['c', 'd', 'e'].map((line) => entry(3, line)), after: [entry(4, 'f')], hasOlder: true, hasNewer: false };
  it('keep their order though many are of one nanosecond', () => {
    const found = sides(entry(3, 'd'), around, 10);
    expect([lines(found.before), lines(found.after)]).toEqual(['a b c', 'e f']);
    expect([found.hasOlder, found.hasNewer]).toEqual([true, false]);
  });
  it('are as many as were asked for', () => {
    const found = sides(entry(3, 'c'), around, 2);
    expect([lines(found.before), lines(found.after), found.hasNewer]).toEqual(['a b', 'd e', true]);
  });
  it('are there when the line itself is not', () => {
    const found = sides(entry(3, 'gone'), around, 10);
    expect([lines(found.before), lines(found.after)]).toEqual(['a b', 'c d e f']);
  });
});
