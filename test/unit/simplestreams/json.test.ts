import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson, jsonFrom, JsonNumber, parseJson, writeJson } from '../../../simplestreams/index.js';
import { codeOf } from './failing.js';

test('numbers keep their spelling', () => {
  const text = '[\n 1.0,\n 1e22,\n 12345678901234567890,\n -0,\n 1E-7\n]';
  expect(canonicalJson(parseJson(text))).toBe(text);
});

test('keys that look like array indexes keep their place', () => {
  const text = '{"b":1,"20240101":2,"a":3,"7":4}';
  expect(writeJson(parseJson(text), { indent: 0, sort: false }).replace(/\n|(?<=:) /g, '')).toBe(text);
});

test('__proto__ is a key like any other', () => {
  const parsed = parseJson('{"__proto__": {"polluted": true}, "constructor": 1}');
  expect(parsed).toBeInstanceOf(Map);
  expect(canonicalJson(parsed)).toContain('"__proto__": {');
  expect('polluted' in {}).toBe(false);
});

test('of a key given twice the last value counts', () => {
  expect(canonicalJson(parseJson('{"a": 1, "b": 2, "a": 3}'))).toBe('{\n "a": 3,\n "b": 2\n}');
});

test('keys are sorted by code point, not by UTF-16 unit', () => {
  expect(
    [...canonicalJson(jsonFrom({ '\u{1F600}': 1, '\uFFFD': 2 })).matchAll(/"(.*?)":/g)].map(([, key]) => key),
  ).toEqual(['\\ufffd', '\\ud83d\\ude00']);
});

test.each([
  ['', 1, 1],
  ['{"a": }', 1, 7],
  ['{\n "a": 1,\n}', 3, 1],
  ['[1 2]', 1, 4],
  ['"a\nb"', 1, 3],
  ['"\\x"', 1, 2],
  ['"abc', 1, 5],
  ['01', 1, 2],
  ['1.', 1, 3],
  ['-', 1, 2],
  ['1e+', 1, 4],
  ['+1', 1, 1],
  ['nul', 1, 1],
  ['NaN', 1, 1],
  ['{} x', 1, 4],
  ["{'a': 1}", 1, 2],
  ['\uFEFF{}', 1, 1],
  ['[1,]', 1, 4],
])('%j is refused with the place', (text, line, column) => {
  expect(() => parseJson(text, 'd.json')).toThrow(
    expect.objectContaining({ code: 'DocumentInvalid', details: { path: 'd.json', line, column } }),
  );
});

test('nesting past a hundred levels is refused, also a million deep', () => {
  expect(codeOf(() => parseJson('['.repeat(100) + ']'.repeat(100)))).toBeUndefined();
  expect(codeOf(() => parseJson('['.repeat(101) + ']'.repeat(101)))).toBe('DocumentInvalid');
  expect(codeOf(() => parseJson('{"a":'.repeat(1_000_000)))).toBe('DocumentInvalid');
});

test('plain values become the JSON they mean', () => {
  const value = jsonFrom({
    a: [1, -0, 2n ** 70n, new JsonNumber('1.0')],
    m: new Map([['20240101', null]]),
    gone: undefined,
  });
  expect(canonicalJson(value)).toBe(
    '{\n "a": [\n  1,\n  -0,\n  1180591620717411303424,\n  1.0\n ],\n "m": {\n  "20240101": null\n }\n}',
  );
  expect(() => jsonFrom(NaN)).toThrow(RangeError);
});

test('what is written reads back the same, and as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = canonicalJson(parseJson(JSON.stringify(value)));
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      expect(canonicalJson(parseJson(text))).toBe(text);
      // eslint-disable-next-line no-control-regex -- ASCII is what it is about
      expect(text).toMatch(/^[\x00-\x7f]*$/);
    }),
  );
});

test('a text is refused exactly when JSON.parse refuses it', () => {
  const pieces = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"a"',
    '"\\u00e9"',
    '1',
    '-0.5e3',
    'true',
    'null',
    ' ',
    '\n',
    '"',
    '\\',
    '.',
    'e',
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 8 }), (parts) => {
      const text = parts.join('');
      expect(codeOf(() => parseJson(text)) === undefined).toBe(codeOf(() => JSON.parse(text)) === undefined);
    }),
    { numRuns: 3000 },
  );
});
