import { expect, test } from 'vitest';
import { formatBytes } from '../../../contracts/bytes.js';

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1_572_864, '1.5 MiB'],
  [2 ** 40, '1.0 TiB'],
  [2 ** 55, '32768.0 TiB'],
])('writes %d bytes as %s', (count, text) => {
  expect(formatBytes(count)).toBe(text);
});
