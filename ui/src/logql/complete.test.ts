import { describe, expect, it } from 'vitest';
import { colours } from './colours';
import { fill, matching, placeAt } from './complete';

const at = (marked: string) => {
  const caret = marked.indexOf('^');
  return placeAt(marked.replace('^', ''), caret);
};

describe('what may stand at the caret', () => {
  it.each([
    ['{^', 'label', ''],
    ['{ser^', 'label', 'ser'],
    ['{a="b", na^}', 'label', 'na'],
    ['{a="^', 'value', ''],
    ['{a=~"x|y^"}', 'value', 'x|y'],
    ['{a="b"} | ^', 'stage', ''],
    ['{a="b"} |= "x" | js^', 'stage', 'js'],
    ['su^', 'function', 'su'],
    ['sum(ra^', 'function', 'ra'],
    ['sum by (x) (rate({na^', 'label', 'na'],
  ])('%s', (marked, kind, typed) => expect(at(marked)).toMatchObject({ kind, typed }));

  it.each(['{a="b"} |= "x^', '{a^="b"} ^', '{a="b"}^', 'x^', ''])('nothing in %j', (marked) => expect(at(marked) === null || at(marked)?.kind === 'label').toBe(true));

  it('asks values under the other matchers', () => expect(at('{a="b", c=~"d", a2="^"}')).toMatchObject({ label: 'a2', selector: '{a="b", c=~"d"}' }));
});

describe('a choice is filled in', () => {
  const filled = (marked: string, choice: string) => {
    const caret = marked.indexOf('^');
    const query = marked.replace('^', '');
    const place = placeAt(query, caret);
    if (!place) throw new Error('no place');
    const done = fill(query, place, caret, choice);
    return `${done.query.slice(0, done.caret)}^${done.query.slice(done.caret)}`;
  };
  it.each([
    ['{ser^', 'service_name', '{service_name="^'],
    ['{ser^="x"}', 'service_name', '{service_name^="x"}'],
    ['{a="^', 'b"c', '{a="b\\"c"}^'],
    ['{a="x^"}', 'xyz', '{a="xyz"^}'],
    ['{a="b"} | js^', 'json', '{a="b"} | json^'],
    ['su^', 'sum', 'sum(^'],
  ])('%s', (marked, choice, expected) => expect(filled(marked, choice)).toBe(expected));
});

it('puts those that begin so first', () => expect(matching(['xab', 'abc', 'ab', 'zz'], 'ab', 9)).toEqual(['abc', 'xab']));

it('colours keep every character', () => {
  for (const query of ['{a="b", c=~`d`} |= "x" # y', 'sum by (a) (rate({b="c"}[5m])) > 1.5', '{a="unfinished', '한글 {}', '']) {
    expect(colours(query).map((c) => c.text).join('')).toBe(query);
  }
  expect(colours('{app="x"} | json | a>5ms').filter((c) => c.kind !== 'text').map((c) => [c.text, c.kind])).toEqual([
    ['app', 'name'], ['=', 'mark'], ['"x"', 'string'], ['|', 'mark'], ['json', 'word'], ['|', 'mark'], ['a', 'name'], ['>', 'mark'], ['5ms', 'number'],
  ]);
});
