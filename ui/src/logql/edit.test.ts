import { describe, expect, it } from 'vitest';
import { chips, searchedTexts, withFilter, withLineFilter } from './edit';
import { joinQuery, quote, splitQuery, unquote } from './split';

describe('taking a query apart', () => {
  it.each([
    ['{app="web"}', ['app=web'], []],
    ['{ app = "a}b" , x=~`c"d` } |= "p|q" | json | status != 500', ['app=a}b', 'x=~c"d'], ['|= "p|q"', '| json', '| status != 500']],
    ['{} | logfmt != "x" !~ "y"', [], ['| logfmt', '!= "x"', '!~ "y"']],
    ['{a="b"} |= "x" or "y" != "z"', ['a=b'], ['|= "x" or "y"', '!= "z"']],
    ['{a="b"} | a="x" or (b!="y" and c="|")', ['a=b'], ['| a="x" or (b!="y" and c="|")']],
    ['{a="b"} | trace_id in ({c="d"} |= "x")', ['a=b'], ['| trace_id in ({c="d"} |= "x")']],
  ])('%s', (query, matchers, stages) => {
    const split = splitQuery(query);
    expect(split?.matchers.map((m) => m.name + m.op + m.value)).toEqual(matchers);
    expect(split?.stages).toEqual(stages);
    expect(splitQuery(joinQuery(split!))).toEqual(split);
  });

  it.each(['', 'rate({a="b"}[1m])', '{a="b"', '{a=b}', '{a="b"} |= "x', '{a="b"} foo', '{a="b"} # comment'])('leaves %j alone', (query) =>
    expect(splitQuery(query)).toBeNull());

  it('quotes what it unquotes', () => {
    for (const value of ['a', 'a"b', 'a\\d+', 'a`"b', 'x\ny', '한글', '\u0000']) expect(unquote(quote(value))).toBe(value);
    expect(unquote(String.raw`"\x41\u00e9\101\t"`)).toBe('AéA\t');
  });
});

describe('edits by click', () => {
  it('filters labels in the selector', () => {
    expect(withFilter('{app="web"} |= "x"', 'label', 'pod', '=', 'a"b')).toBe('{app="web", pod=`a"b`} |= "x"');
    expect(withFilter('{app="web"}', 'label', 'app', '!=', 'web')).toBe('{app!="web"}');
    expect(withFilter('{app="web"}', 'label', 'app', '=', 'db')).toBe('{app="db"}');
    expect(withFilter('', 'label', 'app', '=', 'db')).toBe('{app="db"}');
  });
  it('filters fields after their parser', () => {
    expect(withFilter('{app="web"}', 'json', 'status', '=', '500')).toBe('{app="web"} | json | status="500"');
    expect(withFilter('{app="web"} | json | status="500"', 'json', 'status', '!=', '500')).toBe('{app="web"} | json | status!="500"');
    expect(withFilter('{app="web"}', 'metadata', 'detected_level', '=', 'error')).toBe('{app="web"} | detected_level="error"');
  });
  it('puts line filters before parsers', () => {
    expect(withLineFilter('{a="b"} |= "x" | json', '|=', 'y')).toBe('{a="b"} |= "x" |= "y" | json');
    expect(withLineFilter('{a="b"}', '!=', 'y')).toBe('{a="b"} != "y"');
    expect(withLineFilter('rate({a="b"}[1m])', '|=', 'y')).toBeNull();
  });
  it('has a chip for each part', () => {
    expect(chips('{a="b", c="d"} |= "x"').map((c) => [c.text, c.without])).toEqual([
      ['a = b', '{c="d"} |= "x"'],
      ['c = d', '{a="b"} |= "x"'],
      ['|= "x"', '{a="b", c="d"}'],
    ]);
  });
  it('knows what is searched for', () => {
    expect(searchedTexts('{a="b"} |= "x" or `y` |~ "z+" != "w" | json')).toEqual({ texts: ['x', 'y'], patterns: ['z+'] });
  });
});
