import { CancelledFailure } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { expect, test } from 'vitest';
import { activityEnvironment } from '../../support/temporal.js';
import { withFailures } from '../../../activities/failure.js';
import { ImageStreamError } from '../../../contracts/errors.js';

/** What an activity that throws this fails with, and what the worker was told of it. */
async function failed(error: unknown, attempt = 1): Promise<{ failure: unknown; unknown: unknown[] }> {
  const unknown: unknown[] = [];
  const { work } = withFailures({ work: async () => Promise.reject(error as Error) }, (one) =>
    unknown.push(one),
  );
  const failure: unknown = await activityEnvironment({ attempt })
    .run(work)
    .catch((one: unknown) => one);
  return { failure, unknown };
}

test('makes the code of an error the type of the failure, with its hint', async () => {
  const { failure } = await failed(
    new ImageStreamError('StagingTooSmall', 'Too small', { hint: 'Raise it.' }),
  );
  expect(failure).toBeInstanceOf(ApplicationFailure);
  expect(failure).toMatchObject({
    type: 'StagingTooSmall',
    message: 'Too small',
    nonRetryable: true,
    details: [{ hint: 'Raise it.' }],
  });
});

test('lets a step meet a worker of its own configuration, and gives up after the tenth of another one', async () => {
  const differs = new ImageStreamError('ConfigurationDiffers', 'The run has a, this worker has b');
  expect((await failed(differs, 9)).failure).toMatchObject({ nonRetryable: false, nextRetryDelay: 1_000 });
  expect((await failed(differs, 10)).failure).toMatchObject({
    type: 'ConfigurationDiffers',
    nonRetryable: true,
  });
});

test('lets a passing error be tried again, after the time that the server asked for', async () => {
  const { failure } = await failed(new ImageStreamError('MirrorError', '503', { retryAfterMs: 7_000 }));
  expect(failure).toMatchObject({ nonRetryable: false, nextRetryDelay: 7_000 });
});

test('lets an error say itself that it is final', async () => {
  const { failure } = await failed(new ImageStreamError('StagingLost', 'gone', { retryable: false }));
  expect(failure).toMatchObject({ type: 'StagingLost', nonRetryable: true });
});

test('keeps the text of an unknown error out of sight and tells the worker', async () => {
  const secret = new TypeError('password hunter2');
  const { failure, unknown } = await failed(secret);
  expect(failure).toMatchObject({ type: 'Internal', nonRetryable: false });
  expect(JSON.stringify(failure) + String(failure)).not.toContain('hunter2');
  expect(failure instanceof Error && failure.cause).toBeUndefined();
  expect(unknown).toEqual([secret]);
});

test('gives up what nobody foresaw after ten attempts', async () => {
  expect((await failed(new TypeError('x'), 9)).failure).toMatchObject({ nonRetryable: false });
  expect((await failed(new TypeError('x'), 10)).failure).toMatchObject({ nonRetryable: true });
});

test('names the system’s code of an unknown error', async () => {
  const { failure } = await failed(Object.assign(new Error('x'), { code: 'EMFILE' }));
  expect(failure).toMatchObject({ message: expect.stringContaining('(EMFILE)') as string });
});

test.each([undefined, null, 'text', 7])('bears that %s is thrown', async (thrown) => {
  expect((await failed(thrown)).failure).toMatchObject({ type: 'Internal' });
});

test('passes a cancellation on as it is', async () => {
  const cancelled = new CancelledFailure('CANCELLED');
  expect(await failed(cancelled)).toEqual({ failure: cancelled, unknown: [] });
});

test('takes an aborted call for a cancellation', async () => {
  expect((await failed(new DOMException('aborted', 'AbortError'))).failure).toBeInstanceOf(CancelledFailure);
});

test('takes every error of a cancelled activity for its cancellation', async () => {
  const environment = activityEnvironment();
  const { work } = withFailures(
    {
      work: async () => {
        environment.cancel();
        throw new ImageStreamError('MirrorStalled', 'reset');
      },
    },
    () => {},
  );
  const failure: unknown = await environment.run(work).catch((one: unknown) => one);
  expect(failure).toBeInstanceOf(CancelledFailure);
});
