import { createHash } from 'node:crypto';
import { readFile, utimes } from 'node:fs/promises';
import { checkDigest } from './digest.js';
import { hasCode, ifThere, onDisk, remove, sizeOf, writeAtomically } from './disk.js';
import type { Layout } from './layout.js';
import type { Digest } from './types.js';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Keeps an index or products document by its sha256. Keeping it twice is harmless. */
export async function putDocument(layout: Layout, bytes: Uint8Array): Promise<Digest> {
  const digest: Digest = { algorithm: 'sha256', hex: sha256(bytes) };
  const path = layout.document(digest.hex);
  await onDisk(path, async () => {
    // A copy of another length was damaged; one of the same length is compared when it is read.
    if ((await sizeOf(path)) === bytes.byteLength) await touch(path);
    else await writeAtomically(path, bytes);
  });
  return digest;
}

/** The document, compared with its digest again; undefined when this host does not have it whole. */
export async function getDocument(layout: Layout, digest: Digest): Promise<Uint8Array | undefined> {
  const path = layout.document(checkDigest(digest).hex);
  return onDisk(path, async () => {
    const bytes = await ifThere(readFile(path));
    if (!bytes) return undefined;
    if (sha256(bytes) !== digest.hex) {
      await remove(path);
      return undefined;
    }
    await touch(path);
    return bytes;
  });
}

/** Marks a file as used now, or as released: then it is the first to go. */
export async function touch(path: string, when: 'now' | 'released' = 'now'): Promise<void> {
  const time = when === 'now' ? new Date() : new Date(0);
  try {
    await utimes(path, time, time);
  } catch (error) {
    // On a shared volume the file may be another user's: then the order of eviction is a little wrong.
    if (!hasCode(error, 'ENOENT', 'EPERM', 'EACCES')) throw error;
  }
}
