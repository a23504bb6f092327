import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Digest } from '../../../contracts/sync.js';
import { guardedBytes } from '../../../targets/glance/guarded-bytes.js';

async function* stream(...chunks: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

const digestOf = (...chunks: Uint8Array[]): Digest => ({
  algorithm: 'sha256',
  hex: chunks.reduce((hash, chunk) => hash.update(chunk), createHash('sha256')).digest('hex'),
});

/** What got through, and the code of the failure. */
async function through(
  chunks: Uint8Array[],
  digest: Digest,
): Promise<{ bytes: Buffer; code: string | undefined }> {
  const sent: Uint8Array[] = [];
  try {
    for await (const chunk of guardedBytes(stream(...chunks), digest)) sent.push(chunk);
    return { bytes: Buffer.concat(sent), code: undefined };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    return { bytes: Buffer.concat(sent), code };
  }
}

const chunk = fc.uint8Array({ minLength: 1, maxLength: 50 });

test('sends all bytes of a file that is as it should be', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(chunk), async (chunks) => {
      expect(await through(chunks, digestOf(...chunks))).toEqual({
        bytes: Buffer.concat(chunks),
        code: undefined,
      });
    }),
  );
});

test('holds the last chunk back when any one bit flipped, so that nobody gets a whole file of other bytes', async () => {
  const where = fc.tuple(fc.array(chunk, { minLength: 1, maxLength: 8 }), fc.nat(), fc.nat({ max: 7 }));
  await fc.assert(
    fc.asyncProperty(where, async ([chunks, place, bit]) => {
      const whole = Buffer.concat(chunks);
      const flipped = chunks.map((one) => Uint8Array.from(one));
      let at = place % whole.length;
      for (const one of flipped) {
        if (at >= 0 && at < one.length) one[at] = one[at]! ^ (1 << bit);
        at -= one.length;
      }
      const { bytes, code } = await through(flipped, digestOf(...chunks));
      expect(code).toBe('StagingLost');
      expect(bytes.length).toBe(whole.length - chunks.at(-1)!.length);
    }),
  );
});

test('holds the last chunk back when the file is longer or shorter than it was', async () => {
  const [a, b] = [Buffer.from('a'), Buffer.from('b')];
  expect(await through([a, b], digestOf(a))).toEqual({ bytes: a, code: 'StagingLost' });
  expect(await through([a], digestOf(a, b))).toEqual({ bytes: Buffer.alloc(0), code: 'StagingLost' });
});
