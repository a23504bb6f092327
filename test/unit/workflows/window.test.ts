import { CancelledFailure } from '@temporalio/common';
import { expect, test } from 'vitest';
import { slidingWindow } from '../../../workflows/window.js';

const tick = () => new Promise((resolve) => setTimeout(resolve, 1));

test('takes every item once, in order', async () => {
  const seen: number[] = [];
  await slidingWindow([1, 2, 3, 4, 5], 2, async (item) => {
    seen.push(item);
    await tick();
  });
  expect(seen).toEqual([1, 2, 3, 4, 5]);
});

test('runs as many at once as it is wide, and no more', async () => {
  let running = 0;
  let most = 0;
  await slidingWindow(Array.from({ length: 10 }), 3, async () => {
    most = Math.max(most, ++running);
    await tick();
    running -= 1;
  });
  expect(most).toBe(3);
});

test('begins the next item as soon as one ends, whatever the others do', async () => {
  let release = () => {};
  const slow = new Promise<void>((resolve) => (release = resolve));
  const seen: number[] = [];
  await slidingWindow([0, 1, 2, 3], 2, async (item) => {
    seen.push(item);
    if (item === 0) await slow;
    if (item === 3) release();
    await tick();
  });
  expect(seen).toEqual([0, 1, 2, 3]);
});

test('ends at once where there is nothing to do', async () => {
  await slidingWindow([], 4, () => Promise.reject(new Error('nothing to do')));
});

test('starts nothing more after a cancellation, waits for what runs, and throws it', async () => {
  const ended: number[] = [];
  const begun: number[] = [];
  const run = slidingWindow([0, 1, 2, 3], 2, async (item) => {
    begun.push(item);
    if (item === 0) throw new CancelledFailure('cancelled');
    await tick();
    ended.push(item);
  });
  await expect(run).rejects.toThrow('cancelled');
  expect({ begun, ended }).toEqual({ begun: [0, 1], ended: [1] });
});

test('throws the mistake of a step', async () => {
  await expect(slidingWindow([1], 1, () => Promise.reject(new TypeError('mistake')))).rejects.toThrow(
    'mistake',
  );
});
