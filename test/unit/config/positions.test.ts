import { expect, test } from 'vitest';

import { parsePositioned, YamlProblem } from '../../../config/positions.js';

function problem(text: string): YamlProblem {
  try {
    parsePositioned(text);
  } catch (error) {
    if (error instanceof YamlProblem) return error;
    throw error;
  }
  throw new Error('the text was accepted');
}

test('finds the line of a key in a list of mappings', () => {
  const { lineOf } = parsePositioned(
    '# a comment\n\nmirrors:\n  - name: a\n    url: b\n  -\n    name: c\n    url:\n      d\n',
  );
  expect(lineOf(['mirrors'])).toBe(3);
  expect(lineOf(['mirrors', 0])).toBe(4);
  expect(lineOf(['mirrors', 0, 'url'])).toBe(5);
  expect(lineOf(['mirrors', 1, 'name'])).toBe(7);
  expect(lineOf(['mirrors', 1, 'url'])).toBe(8);
});

test('finds the lines of lists in lists, in block and flow style', () => {
  const { lineOf, value } = parsePositioned(
    'a:\n  - - one\n    - two\n  - [three,\n     four, {k: [1,\n        2]}]\n',
  );
  expect(value).toEqual({
    a: [
      ['one', 'two'],
      ['three', 'four', { k: [1, 2] }],
    ],
  });
  expect(lineOf(['a', 0, 1])).toBe(3);
  expect(lineOf(['a', 1, 0])).toBe(4);
  expect(lineOf(['a', 1, 1])).toBe(5);
  expect(lineOf(['a', 1, 2, 'k', 1])).toBe(6);
});

test('keeps keys and values apart where values are absent', () => {
  const { lineOf } = parsePositioned('a:\nb: a\nc:\nd: ~\ne:\n  f:\n  g: b\n');
  expect([['a'], ['b'], ['c'], ['d'], ['e', 'f'], ['e', 'g']].map((path) => lineOf(path))).toEqual([
    1, 2, 3, 4, 6, 7,
  ]);
});

test('keeps count of list entries that are empty or alike', () => {
  const { lineOf } = parsePositioned('a:\n  - x\n  -\n  - x\n  - ~\n  - x\n');
  expect([0, 2, 4].map((index) => lineOf(['a', index]))).toEqual([2, 4, 6]);
});

test('finds numeric keys, which an object puts first', () => {
  const { lineOf } = parsePositioned('z: 1\n10: 2\n2: 3\n');
  expect([['z'], ['10'], ['2']].map((path) => lineOf(path))).toEqual([1, 2, 3]);
});

test('answers with the nearest parent for a key that is not there', () => {
  const { lineOf } = parsePositioned('x: 1\nmirrors:\n  - name: a\n  - name: b\n');
  expect(lineOf(['mirrors', 1, 'url'])).toBe(4);
  expect(lineOf(['clouds'])).toBe(1);
});

test('counts lines after block scalars and quoted text over several lines', () => {
  const { lineOf } = parsePositioned('a: |\n  one\n  two\n\nb: "x\n  y"\nc: >-\n  z\nd: 1\n');
  expect([['b'], ['c'], ['d']].map((path) => lineOf(path))).toEqual([5, 7, 9]);
});

test('counts the lines of a file from Windows', () => {
  expect(parsePositioned('a: 1\r\nb:\r\n  - c\r\n').lineOf(['b', 0])).toBe(3);
});

test.each([
  ['a key that is there twice', 'a: 1\nb: 2\na: 3\n', 3, /twice/],
  ['a tab as indentation', 'a:\n\tb: 1\n', 2, /tabs/],
  ['an anchor', 'a: 1\nb: &x\n  c: 1\nd: *x\n', 2, /anchors/],
  ['a flow list that is not closed', 'a: [1,\n', 2, /not readable/],
  ['two documents', 'a: 1\n---\nb: 2\n', 2, /more than one/],
])('names the line of %s', (_what, text, line, message) => {
  const found = problem(text);
  expect(found.message).toMatch(message);
  expect(found.line).toBe(line);
});

test('does not turn words into dates or booleans beyond true and false', () => {
  expect(parsePositioned('a: 2026-01-01\nb: yes\nc: true\n').value).toEqual({
    a: '2026-01-01',
    b: 'yes',
    c: true,
  });
});
