import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareCodePoints, resolveWork } from '../../../simplestreams/index.js';

const NAMES: string[] = ['1', '2', '20240101', '20240102', '20240101.1', 'a', '\uFFFD', '\u{1F600}'];
const versions = fc.uniqueArray(fc.constantFrom(...NAMES));
const input = fc.record({ source: versions, target: versions, max: fc.nat(4), keep: fc.boolean() });

test('keeps the newest removal candidates while fewer than max would remain', () => {
  expect(resolveWork({ source: ['5'], target: ['1', '2', '3'], max: 3, keep: true })).toEqual({
    add: ['5'],
    remove: ['1'],
  });
});

test('after the work the target holds at most max, and only what it may hold', () => {
  fc.assert(
    fc.property(input, ({ source, target, max, keep }) => {
      const { add, remove } = resolveWork({ source, target, max, keep });
      const held = target.filter((version) => !remove.includes(version)).concat(add);
      expect(held.length).toBeLessThanOrEqual(max);
      expect(add.every((version) => source.includes(version) && !target.includes(version))).toBe(true);
      expect(remove.every((version) => target.includes(version))).toBe(true);
    }),
  );
});

test('a second look at the result finds nothing to do', () => {
  fc.assert(
    fc.property(input, ({ source, target, max, keep }) => {
      const { add, remove } = resolveWork({ source, target, max, keep });
      const held = target.filter((version) => !remove.includes(version)).concat(add);
      expect(resolveWork({ source, target: held, max, keep })).toEqual({ add: [], remove: [] });
    }),
  );
});

test('the newest are added first and the oldest removed first', () => {
  fc.assert(
    fc.property(input, ({ source, target, max, keep }) => {
      const { add, remove } = resolveWork({ source, target, max, keep });
      expect(add).toEqual([...add].sort((a, b) => compareCodePoints(b, a)));
      expect(remove).toEqual([...remove].sort(compareCodePoints));
    }),
  );
});

test('the order of code points is that of UTF-8 bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
      expect(Math.sign(compareCodePoints(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
  );
});
