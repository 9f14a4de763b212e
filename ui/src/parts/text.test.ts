import { describe, expect, it } from 'vitest';
import { jsonOf, marked, matcherOf, pieces, rowText, visible } from './text';

const text = (line: string) => pieces(line).map((p) => p.text).join('');

describe('hostile lines', () => {
  it('shows control and direction marks', () => {
    expect(visible('a\u0000b\u202ec\u007f')).toBe('a␀b‹202E›c␡');
    expect(visible('한글 é 👩‍👧 \t')).toBe('한글 é 👩‍👧 \t');
  });
  it('drops links and cursor moves, keeps colours', () => {
    expect(text('\u001b]8;;javascript:alert(1)\u0007click\u001b]8;;\u0007')).toBe('click');
    expect(text('\u001b[2J\u001b[Hhome')).toBe('home');
    expect(pieces('\u001b[31mred\u001b[0m plain')).toEqual([
      { text: 'red', style: 'a-red', isMatch: false },
      { text: ' plain', style: '', isMatch: false },
    ]);
    expect(text('\u001b')).not.toContain('\u001b');
  });
  it('keeps tags as text', () => expect(text('<img src=x onerror=alert(1)>')).toBe('<img src=x onerror=alert(1)>'));
});

describe('rows', () => {
  it('fold traces', () => expect(rowText('Error: x\n\tat a\n\tat b', null)).toEqual({ text: 'Error: x', folded: 2, isShifted: false }));
  it('show where the match is', () => {
    const row = rowText(`${'x'.repeat(5000)} needle`, /needle/g);
    expect(row.isShifted && row.text.endsWith('needle')).toBe(true);
    expect(rowText('y'.repeat(20_000_000), null).text.length).toBeLessThan(1000);
  });
});

it('marks matches', () => {
  const matcher = matcherOf({ texts: ['a.b'], patterns: [] });
  expect(marked(pieces('1 a.b 2 axb'), matcher).map((p) => [p.text, p.isMatch])).toEqual([['1 ', false], ['a.b', true], [' 2 axb', false]]);
  expect(matcherOf({ texts: [], patterns: ['(?P<x>a)'] })).toBeNull();
  expect(matcherOf({ texts: [], patterns: ['(?i)ERR'] })?.test('err')).toBe(true);
});

it('finds JSON', () => {
  expect(jsonOf(' {"a":1}')).toEqual({ a: 1 });
  expect(jsonOf('{broken')).toBeNull();
  expect(jsonOf('12')).toBeNull();
});
