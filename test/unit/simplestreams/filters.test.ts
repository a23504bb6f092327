import { expect, test } from 'vitest';
import { matchesAll, parseFilter } from '../../../simplestreams/index.js';
import { pythonRegExp } from '../../../simplestreams/python-regexp.js';
import { codeOf } from './failing.js';

test('all filters must accept, and an absent key compares as the empty string', () => {
  const filters = ['arch~(x86_64|amd64)', 'release!=trusty', 'gone='].map(parseFilter);
  expect(matchesAll(filters, new Map([['arch', 'amd64']]))).toBe(true);
  expect(matchesAll(filters, new Map([['arch', 'arm64']]))).toBe(false);
  expect(
    matchesAll(
      filters,
      new Map([
        ['arch', 'amd64'],
        ['release', 'trusty'],
      ]),
    ),
  ).toBe(false);
  expect(matchesAll([], new Map())).toBe(true);
});

// Each row as Python 3.11's re.search answers it.
test.each([
  ['^5$', '5\n', true],
  ['^5\\Z', '5\n', false],
  ['\\A5', '5', true],
  ['a.b', 'a\u2028b', true],
  ['a.b', 'a\nb', false],
  ['(?s)a.b', 'a\nb', true],
  ['(?i)UBUNTU', 'ubuntu', true],
  ['(?m)^b$', 'a\nb\nc', true],
  ['(?P<x>a)(?P=x)', 'aa', true],
  ['(?#note)a', 'a', true],
  ['\\w+$', 'größe', true],
  ['^\\d+$', '٣', true],
  ['[]a]', ']', true],
  ['[^]a]', ']', false],
  ['[[a]', '[', true],
  ['a{,2}$', 'a', true],
  ['^x{,2}$', 'xxx', false],
  ['a{', 'a{', true],
  ['a{b}', 'a{b}', true],
  ['disk1\\.img', 'disk1.img', true],
  ['\\-\\:\\/\\ \\@', '-:/ @', true],
  ['[\\w.-]+', 'a-b.c', true],
  ['[a\\-z]', 'b', false],
  ['\\x41\\u0042', 'AB', true],
  ['^.$', '\u{1F600}', true],
  ['(?<=a)b', 'ab', true],
  ['\\bdisk\\b', 'a disk b', true],
])('%j searched in %j gives %s', (pattern, text, found) => {
  expect(pythonRegExp(pattern).test(text)).toBe(found);
});

test.each([
  'a~(',
  'a~[',
  'a~*',
  'a~\\',
  'a~\\q',
  'a~(?P=x',
  'a~(?i',
  'a~a**',
  'a~[\\W]',
  'nothing',
  'a.b=c',
  '=x',
  ' a=b',
])('%j is a syntax error', (expression) => {
  expect(codeOf(() => parseFilter(expression))).toBe('FilterSyntax');
});
