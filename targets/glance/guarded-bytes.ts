import { createHash } from 'node:crypto';
import { ImageStreamError } from '../../contracts/errors.js';
import type { Digest } from '../../contracts/sync.js';

/**
 * The bytes of a file as they are sent, with the last chunk held back until all of them have the digest they should: a byte that
 * flipped on the disk cuts the transfer, so that Glance never holds a whole image of other bytes.
 * @throws {ImageStreamError} StagingLost, when they have not
 */
export async function* guardedBytes(
  source: AsyncIterable<Uint8Array>,
  digest: Digest,
): AsyncGenerator<Uint8Array> {
  const hash = createHash(digest.algorithm);
  let held: Uint8Array | undefined;
  for await (const chunk of source) {
    hash.update(chunk);
    if (held) yield held;
    held = chunk;
  }
  if (hash.digest('hex') !== digest.hex) {
    throw new ImageStreamError(
      'StagingLost',
      `The staged ${digest.algorithm}:${digest.hex} changed on the disk`,
      {
        retryable: false,
      },
    );
  }
  if (held) yield held;
}
