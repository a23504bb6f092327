import { expect, test } from 'vitest';

import { formatDuration, formatSize, parseDuration, parseSize } from '../../../config/units.js';

test.each([
  ['200GiB', 200 * 2 ** 30],
  ['64 MiB', 64 * 2 ** 20],
  ['1.5T', 1.5 * 2 ** 40],
  ['10GB', 1e10],
  ['1048576', 1048576],
  ['5b', 5],
])('reads the size %s', (text, bytes) => expect(parseSize(text)).toBe(bytes));

test.each(['', '-1', '1e3', '5 bananas', '1..5G', 'GiB', '99999999999TiB'])('takes %s for no size', (text) =>
  expect(parseSize(text)).toBeUndefined(),
);

test.each([
  ['6h', 21_600_000],
  ['90s', 90_000],
  ['1d', 86_400_000],
  ['1h30m', 5_400_000],
  ['1h 30m', 5_400_000],
  ['250ms', 250],
])('reads the duration %s', (text, milliseconds) => expect(parseDuration(text)).toBe(milliseconds));

test.each(['', '6', 'h', '6h30', '-6h', '6 hours', '1.5h'])('takes %s for no duration', (text) =>
  expect(parseDuration(text)).toBeUndefined(),
);

test('writes sizes and durations as people read them', () => {
  expect([formatSize(512), formatSize(64 * 2 ** 20), formatSize(1.5 * 2 ** 30)]).toEqual([
    '512 B',
    '64 MiB',
    '1.5 GiB',
  ]);
  expect([formatDuration(5_400_000), formatDuration(0), formatDuration(90_061_001)]).toEqual([
    '1h30m',
    '0s',
    '1d1h1m1s1ms',
  ]);
});
