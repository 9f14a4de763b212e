import { describe, expect, it } from 'vitest';
import type { ChoiceKind } from '../api/complete';
import { colours } from './colours';
import { fill, mayComplete } from './complete';

describe('a choice is filled in', () => {
  const filled = (marked: string, kind: ChoiceKind, from: number, choice: string) => {
    const caret = marked.indexOf('^');
    const done = fill(marked.replace('^', ''), { kind, from }, caret, choice);
    return `${done.query.slice(0, done.caret)}^${done.query.slice(done.caret)}`;
  };
  it.each<[string, ChoiceKind, number, string, string]>([
    ['{ser^', 'label', 1, 'service_name', '{service_name="^'],
    ['{ser^="x"}', 'label', 1, 'service_name', '{service_name^="x"}'],
    ['{a="^', 'value', 4, 'b"c', '{a="b\\"c"}^'],
    ['{a=`^', 'value', 4, 'b"c', '{a=`b"c`}^'],
    ['{a="x^"}', 'value', 4, 'xyz', '{a="xyz"^}'],
    ['{a="b"} | js^', 'stage', 10, 'json', '{a="b"} | json^'],
    ['sum by (ap^', 'label', 8, 'app', 'sum by (app^'],
    ['su^', 'function', 0, 'sum', 'sum(^'],
  ])('%s', (marked, kind, from, choice, expected) => expect(filled(marked, kind, from, choice)).toBe(expected));
});

it('asks only where something may be written', () => {
  for (const before of ['{', '{a', '{a="', '{a="b", ', '{a="b"} | ', 'sum by (', 'su']) expect(mayComplete(before)).toBe(true);
  for (const before of ['', '{a="b"}', '{a=', 'rate({a="b"}[5m]) > ']) expect(mayComplete(before)).toBe(false);
});

it('colours keep every character', () => {
  for (const query of ['{a="b", c=~`d`} |= "x" # y', 'sum by (a) (rate({b="c"}[5m])) > 1.5', '{a="unfinished', '한글 {}', '']) {
    expect(colours(query).map((c) => c.text).join('')).toBe(query);
  }
  expect(colours('{app="x"} | json | a>5ms').filter((c) => c.kind !== 'text').map((c) => [c.text, c.kind])).toEqual([
    ['app', 'name'], ['=', 'mark'], ['"x"', 'string'], ['|', 'mark'], ['json', 'word'], ['|', 'mark'], ['a', 'name'], ['>', 'mark'], ['5ms', 'number'],
  ]);
});
