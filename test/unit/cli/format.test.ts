import { expect, test } from 'vitest';
import { formatBytes } from '../../../contracts/bytes.js';
import { formatSpan, formatTable, printable } from '../../../cli/format.js';

test('bytes are told in the largest unit of which there is at least one', () => {
  expect([0, 1023, 1024, 1536, 20 * 2 ** 20, 5 * 2 ** 40, 5000 * 2 ** 40].map(formatBytes)).toEqual([
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.5 KiB',
    '20.0 MiB',
    '5.0 TiB',
    '5000.0 TiB',
  ]);
});

test('a time span is told in its two largest units', () => {
  const seconds = [0, 0.4, 59, 60, 192, 3600, 3661, 90_061];
  expect(seconds.map((count) => formatSpan(count * 1000))).toEqual([
    '0 s',
    '0 s',
    '59 s',
    '1 min',
    '3 min 12 s',
    '1 h',
    '1 h 1 min',
    '1 d 1 h',
  ]);
});

test('a clock that was set back gives no negative span', () => {
  expect(formatSpan(-5000)).toBe('0 s');
});

test('columns are as wide as their widest cell, and lines have no blanks at their end', () => {
  expect(
    formatTable(
      ['run', 'status'],
      [
        ['sync/ubuntu', 'failed'],
        ['x', ''],
      ],
    ),
  ).toBe('RUN          STATUS\nsync/ubuntu  failed\nx\n');
});

test('control characters of a mirror cannot move the cursor', () => {
  expect(printable('a\u001b[2Jb\nc\u0007')).toBe('a\\x1b[2Jb\\x0ac\\x07');
});
