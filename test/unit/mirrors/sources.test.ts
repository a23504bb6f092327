import { expect, test } from 'vitest';
import { parseRetryAfter } from '../../../mirrors/failures.js';
import { sourcesFor } from '../../../mirrors/index.js';

test('a path is put behind the mirror and its fallbacks in order', () => {
  expect(sourcesFor('http://a.test/releases', ['http://b.test/r/', '/srv/mirror'], 'x/disk.img')).toEqual([
    'http://a.test/releases/x/disk.img',
    'http://b.test/r/x/disk.img',
    '/srv/mirror/x/disk.img',
  ]);
});

test('names with spaces, question marks, hashes and escapes survive, and so does a query of the root', () => {
  expect(sourcesFor('http://a.test/?key=1', [], 'a b?c#d%20e')).toEqual([
    'http://a.test/a%20b%3Fc%23d%20e?key=1',
  ]);
});

test.each(['../x', 'a/../../x', '/etc/passwd', 'a\\..\\x', '%2e%2e/x', 'a/%2E%2e/%2e%2E/x', 'a\0b'])(
  'the path %j does not leave the root',
  (path) => {
    expect(() => sourcesFor('http://a.test/r/', [], path)).toThrow(/outside of it/);
  },
);

test('Retry-After in the past is now, nonsense is nothing, and an hour is the most', () => {
  const now = Date.parse('2026-01-02T03:04:05Z');
  expect(parseRetryAfter('120', now)).toBe(120_000);
  expect(parseRetryAfter('Fri, 02 Jan 2026 03:04:15 GMT', now)).toBe(10_000);
  expect(parseRetryAfter('Fri, 02 Jan 2026 03:00:00 GMT', now)).toBe(0);
  expect(parseRetryAfter('soon', now)).toBeUndefined();
  expect(parseRetryAfter('999999999', now)).toBe(3_600_000);
});
