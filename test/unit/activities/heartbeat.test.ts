import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { activityEnvironment } from '../../support/temporal.js';
import { beating } from '../../../activities/heartbeat.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Beats of an activity whose work takes so long. */
async function beats(ms: number): Promise<unknown[]> {
  const environment = activityEnvironment();
  const seen: unknown[] = [];
  environment.on('heartbeat', (details: unknown) => seen.push(details));
  let offset = 0;
  const run = environment.run(() =>
    beating(
      () => ({ offset: offset++ }),
      () => new Promise((resolve) => setTimeout(resolve, ms)),
    ),
  );
  await vi.advanceTimersByTimeAsync(ms);
  await run;
  await vi.advanceTimersByTimeAsync(60_000);
  return seen;
}

test('beats at once', async () => {
  expect(await beats(0)).toEqual([{ offset: 0 }]);
});

test('beats on, every two to three seconds, with what is true at that time', async () => {
  const seen = await beats(9_000);
  expect(seen.length).toBeGreaterThanOrEqual(4);
  expect(seen.at(-1)).toEqual({ offset: seen.length - 1 });
});

test('beats once more when the work failed, for the next attempt, and then stops', async () => {
  const environment = activityEnvironment();
  let seen = 0;
  environment.on('heartbeat', () => (seen += 1));
  const run = environment.run(() =>
    beating(
      () => 0,
      () => Promise.reject(new Error('no')),
    ),
  );
  await expect(run).rejects.toThrow('no');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(seen).toBe(2);
});

test('ends the work when the run is cancelled', async () => {
  const environment = activityEnvironment();
  const run = environment.run(() =>
    beating(
      () => 0,
      (signal) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(new Error('work ended'))),
        ),
    ),
  );
  const ended = expect(run).rejects.toThrow();
  await vi.advanceTimersByTimeAsync(10);
  environment.cancel();
  await ended;
});
