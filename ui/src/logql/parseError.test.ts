import { expect, it } from 'vitest';
import { parseErrorOf } from './parseError';

it('finds the place, the reason and the advice', () => {
  const query = '{service_name="payments"} |= foo';
  const text = [
    'parse error at line 1, col 30: syntax error: unexpected IDENTIFIER, expecting STRING or ip',
    'expected a text in double quotes or `ip`',
    `    ${query}`,
    '                                 ^^^',
    'put the value in double quotes: "foo"',
  ].join('\n');
  expect(parseErrorOf(text, query)).toEqual({
    message: 'syntax error: unexpected IDENTIFIER, expecting STRING or ip\nexpected a text in double quotes or `ip`',
    start: 29,
    end: 32,
    advice: 'put the value in double quotes: "foo"',
  });
});

it('counts lines of the query', () => {
  const found = parseErrorOf('parse error at line 2, col 3: syntax error', '{a="b"}\n| x y');
  expect([found.start, found.message]).toEqual([10, 'syntax error']);
});

it('takes any other text as it is', () => {
  expect(parseErrorOf('the query hit the limit\nof 5 things', '{}')).toEqual({ message: 'the query hit the limit\nof 5 things', start: -1, end: -1, advice: '' });
});
