import { expect, test } from 'vitest';
import { refusal, refusedBefore } from '../../../activities/refusals.js';
import type { TransferBeat } from '../../../contracts/activities.js';
import type { ErrorCode } from '../../../contracts/error-codes.js';
import { ImageStreamError } from '../../../contracts/errors.js';
import { noNotes } from '../../../contracts/source-notes.js';

const beat = (refused?: Record<string, number>): TransferBeat => ({
  stage: 'upload',
  offset: 0,
  total: 1,
  sources: noNotes(),
  ...(refused ? { refused } : {}),
});
const failed = (code: ErrorCode, details = {}) => new ImageStreamError(code, 'It failed', { details });

/** How often an image is sent when each upload, in an attempt of its own, fails so; 99 is without end. */
function uploads(error: ImageStreamError): number {
  let heartbeat: unknown;
  for (let sent = 1; sent < 99; sent += 1) {
    const own = beat(refusedBefore(heartbeat));
    if (!refusal(error, own).retryable) return sent;
    heartbeat = JSON.parse(JSON.stringify(own));
  }
  return 99;
}

test.each<[ErrorCode, Record<string, unknown>, number]>([
  ['HashMismatch', {}, 3],
  ['ImageGone', {}, 4],
  ['TokenRefused', {}, 4],
  ['Conflict', {}, 4],
  ['CloudError', { method: 'PUT' }, 12],
  ['CloudError', { method: 'GET' }, 99],
  ['CloudUnreachable', { method: 'PUT' }, 99],
  ['QuotaExceeded', {}, 1],
])('%s %j lets an image be sent %i times', (code, details, times) => {
  expect(uploads(failed(code, details))).toBe(times);
});

test('each code has a count of its own', () => {
  const own = beat({ Conflict: 3 });
  expect(refusal(failed('HashMismatch'), own).retryable).toBe(true);
  expect(own.refused).toEqual({ Conflict: 3, HashMismatch: 1 });
});

test('the last one says how often the image was sent', () => {
  const last = refusal(failed('HashMismatch'), beat({ HashMismatch: 2 }));
  expect(last).toMatchObject({ code: 'HashMismatch', message: 'It failed (the last of 3 uploads)' });
});

test.each([undefined, null, 'text', { refused: 1 }, { refused: null }, { refused: { Conflict: 'x' } }])(
  'a heartbeat of another shape, %j, counts nothing',
  (heartbeat) => {
    expect(refusedBefore(heartbeat)).toEqual({});
  },
);
