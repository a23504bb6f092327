import { expect, test } from 'vitest';
import { fromSource } from '../../../activities/source-of-attempt.js';
import type { MirrorSettings } from '../../../config/index.js';
import type { ErrorCode } from '../../../contracts/error-codes.js';
import { ImageStreamError } from '../../../contracts/errors.js';

const mirror = (...fallbackUrls: string[]) => ({ url: 'http://first/', fallbackUrls }) as MirrorSettings;

/** Whether a failure at this attempt is tried again. */
async function again(code: ErrorCode, attempt: number, ...fallbackUrls: string[]): Promise<unknown> {
  const error: unknown = await fromSource(mirror(...fallbackUrls), 'a', attempt, () =>
    Promise.reject(new ImageStreamError(code, code, { hint: 'Hint.', details: { status: 404 } })),
  ).catch((one: unknown) => one);
  expect(error).toMatchObject({ code, hint: 'Hint.', details: { status: 404 } });
  return error instanceof ImageStreamError && error.retryable;
}

test('asks one source after the other, round and round', async () => {
  const asked: string[] = [];
  for (const attempt of [1, 2, 3, 4]) {
    await fromSource(mirror('http://second/', 'http://third/'), 'x/y', attempt, async (url) =>
      asked.push(url),
    );
  }
  expect(asked).toEqual(['http://first/x/y', 'http://second/x/y', 'http://third/x/y', 'http://first/x/y']);
});

test.each<ErrorCode>(['MirrorNotFound', 'MirrorForbidden', 'MirrorRedirect'])(
  'tries %s again at the next source, and gives up after the last',
  async (code) => {
    expect(await again(code, 1, 'http://second/')).toBe(true);
    expect(await again(code, 2, 'http://second/')).toBe(false);
  },
);

test('gives up at once what is not there where it has one source', async () => {
  expect(await again('MirrorNotFound', 1)).toBe(false);
});

test.each<ErrorCode>(['ChecksumMismatch', 'SizeMismatch'])('downloads once more after %s', async (code) => {
  expect([await again(code, 1), await again(code, 2)]).toEqual([true, false]);
});

test('goes on trying what passes', async () => {
  expect(await again('MirrorUnreachable', 50)).toBe(true);
});

test('does not try again what no source can mend', async () => {
  expect(await again('StagingTooSmall', 1, 'http://second/')).toBe(false);
});

test('keeps the time after which the mirror wants to be asked again', async () => {
  const reject = () => Promise.reject(new ImageStreamError('ChecksumMismatch', 'x', { retryAfterMs: 9_000 }));
  await expect(fromSource(mirror(), 'a', 1, reject)).rejects.toMatchObject({ retryAfterMs: 9_000 });
});
