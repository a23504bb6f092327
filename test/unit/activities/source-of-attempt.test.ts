import { expect, test } from 'vitest';
import { fromSource, notesOf, type SourceTurn } from '../../../activities/source-of-attempt.js';
import type { MirrorSettings } from '../../../config/index.js';
import type { ErrorCode } from '../../../contracts/error-codes.js';
import { ImageStreamError, type ErrorOptions } from '../../../contracts/errors.js';
import { noNotes } from '../../../contracts/source-notes.js';

const mirror = (...fallbackUrls: string[]) => ({ url: 'http://a/', fallbackUrls }) as MirrorSettings;

/** What each question at a source of that letter meets: a code, or nothing when it answers. */
type Script = Record<string, (ErrorCode | [ErrorCode, ErrorOptions])[]>;

/**
 * Asks as Temporal does: again while the failure says so, at most `most` times, each time with what the attempt before left in
 * its heartbeat. Tells whom it asked and how it ended.
 */
async function ask(script: Script, most = 12): Promise<{ asked: string; end: unknown; error?: unknown }> {
  const [, ...fallbacks] = Object.keys(script).map((letter) => `http://${letter}/`);
  let asked = '';
  let beat: unknown;
  for (let attempt = 1; ; attempt += 1) {
    const turn: SourceTurn = { attempt, notes: notesOf(beat) };
    try {
      await fromSource(mirror(...fallbacks), 'x/y', turn, async (url) => {
        const letter = /^http:\/\/(.)\/x\/y$/.exec(url)?.[1] ?? '?';
        asked += letter;
        const failure = script[letter]?.shift();
        const [code, options] = typeof failure === 'string' ? [failure, {}] : (failure ?? []);
        if (code) throw new ImageStreamError(code, code, options);
      });
      return { asked, end: 'answered' };
    } catch (error) {
      if (!(error instanceof ImageStreamError)) throw error;
      if (!error.retryable || attempt === most) return { asked, end: error.code, error };
    }
    beat = JSON.parse(JSON.stringify({ sources: turn.notes }));
  }
}

test('asks one source after the other, round and round', async () => {
  const gone: ErrorCode[] = Array<ErrorCode>(9).fill('MirrorUnreachable');
  expect(await ask({ a: [...gone], b: [...gone], c: [...gone] }, 7)).toMatchObject({ asked: 'abcabca' });
});

test.each<ErrorCode>(['MirrorNotFound', 'MirrorForbidden', 'MirrorRedirect', 'DocumentTooLarge'])(
  'goes on to the next source after %s, and ends when each of them said so',
  async (code) => {
    expect(await ask({ a: [code] })).toMatchObject({ asked: 'a', end: code });
    expect(await ask({ a: [code], b: [] })).toEqual({ asked: 'ab', end: 'answered' });
    expect(await ask({ a: [code], b: [code] })).toMatchObject({ asked: 'ab', end: code });
  },
);

test('a fall-back that lacks the file does not end the tries at a mirror that is only down for a moment', async () => {
  const script: Script = { a: ['MirrorError', 'MirrorStalled'], b: ['MirrorNotFound'] };
  expect(await ask(script)).toEqual({ asked: 'abaa', end: 'answered' });
});

test('who refused for good is not asked again', async () => {
  const script: Script = { a: ['MirrorForbidden'], b: ['MirrorError', 'MirrorError'], c: ['MirrorNotFound'] };
  expect(await ask(script)).toEqual({ asked: 'abcbb', end: 'answered' });
});

test.each<ErrorCode>(['ChecksumMismatch', 'SizeMismatch'])(
  'downloads once more than there are sources after %s',
  async (code) => {
    expect(await ask({ a: [code, code] })).toMatchObject({ asked: 'aa', end: code });
    expect(await ask({ a: [code, code], b: [code, code] })).toMatchObject({ asked: 'aba', end: code });
    expect(await ask({ a: [code], b: ['MirrorNotFound'] })).toEqual({ asked: 'aba', end: 'answered' });
  },
);

test('a crash or a full disk before it is not taken for wrong bytes', async () => {
  const script: Script = { a: ['StagingFull', 'StagingFull', 'ChecksumMismatch'] };
  expect(await ask(script)).toEqual({ asked: 'aaaa', end: 'answered' });
});

test('a mirror that wants to be left alone is, while another one can be asked', async () => {
  const busy: [ErrorCode, ErrorOptions] = ['MirrorError', { retryAfterMs: 60_000 }];
  const script: Script = { a: [busy], b: ['MirrorError', 'MirrorError'] };
  expect(await ask(script)).toEqual({ asked: 'abbb', end: 'answered' });
});

test('where every source wants time, the shortest of them is waited for', async () => {
  const script: Script = {
    a: [['MirrorError', { retryAfterMs: 60_000 }]],
    b: [['MirrorError', { retryAfterMs: 9_000 }]],
  };
  const { asked, error } = await ask(script, 2);
  expect(asked).toBe('ab');
  const wait = error instanceof ImageStreamError ? (error.retryAfterMs ?? 0) : 0;
  expect(wait).toBeGreaterThan(5_000);
  expect(wait).toBeLessThanOrEqual(9_000);
});

test('goes on trying what passes, and ends at once with what no source can mend', async () => {
  expect(await ask({ a: Array<ErrorCode>(60).fill('MirrorUnreachable') }, 50)).toMatchObject({
    end: 'MirrorUnreachable',
    error: { retryable: true },
  });
  expect(await ask({ a: ['StagingTooSmall'], b: [] })).toMatchObject({ asked: 'a', end: 'StagingTooSmall' });
});

test('a failure keeps its hint and its facts', async () => {
  const failure = new ImageStreamError('MirrorNotFound', 'm', { hint: 'Hint.', details: { status: 404 } });
  const asking = fromSource(mirror(), 'a', { attempt: 1, notes: noNotes() }, () => Promise.reject(failure));
  await expect(asking).rejects.toMatchObject({ message: 'm', hint: 'Hint.', details: { status: 404 } });
});

test.each([undefined, null, 'text', {}, { sources: { asked: -1, refused: [], wrong: [], waits: [] } }])(
  'a heartbeat of %j has no notes',
  (beat) => {
    expect(notesOf(beat)).toEqual(noNotes());
  },
);
