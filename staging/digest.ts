import { createHash } from 'node:crypto';
import { ImageStreamError } from '../contracts/errors.js';
import type { Digest, DigestAlgorithm, FileDigests } from './types.js';

const HEX_LENGTH: Record<DigestAlgorithm, number> = { sha512: 128, sha256: 64, md5: 32 };

export const DIGEST_ALGORITHMS: readonly DigestAlgorithm[] = ['sha512', 'sha256', 'md5'];

/**
 * Lets only a well-formed digest through: its hex becomes a file name, and it comes from a mirror.
 * @throws {ImageStreamError} ItemInvalid
 */
export function checkDigest(digest: Digest): Digest {
  const length = Object.hasOwn(HEX_LENGTH, digest.algorithm) ? HEX_LENGTH[digest.algorithm] : 0;
  if (digest.hex.length !== length || !/^[0-9a-f]+$/.test(digest.hex)) {
    const shown = JSON.stringify(`${digest.algorithm}:${digest.hex}`.slice(0, 160));
    throw new ImageStreamError('ItemInvalid', `${shown} is not a digest in lower-case hex`);
  }
  return digest;
}

/** The digest as logs and messages print it, such as `sha256:9f86d0…` in full. */
export function digestText(digest: Digest): string {
  return `${digest.algorithm}:${digest.hex}`;
}

/** Takes bytes in order and gives all three digests at the end. */
export class FileHasher {
  readonly #md5 = createHash('md5');
  readonly #sha256 = createHash('sha256');
  readonly #sha512 = createHash('sha512');

  update(chunk: Uint8Array): void {
    this.#md5.update(chunk);
    this.#sha256.update(chunk);
    this.#sha512.update(chunk);
  }

  digests(): FileDigests {
    return {
      md5: this.#md5.digest('hex'),
      sha256: this.#sha256.digest('hex'),
      sha512: this.#sha512.digest('hex'),
    };
  }
}
