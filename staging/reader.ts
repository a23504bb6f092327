import { randomUUID } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { ImageStreamError } from '../contracts/errors.js';
import { digestText } from './digest.js';
import { ifThere, onDisk } from './disk.js';
import type { Layout } from './layout.js';
import { Lease } from './lease.js';
import type { Digest, StagedFile, StagedReader } from './types.js';

const READ_BYTES = 1024 * 1024;

export interface PinnedFile {
  file: StagedFile;
  handle: FileHandle;
  release(): Promise<void>;
}

/**
 * Opens the whole file and pins it against eviction: a lease of its own, so that the pin of a dead reader goes stale.
 * @throws {ImageStreamError} StagingLost
 */
export async function pinFile(
  layout: Layout,
  digest: Digest,
  staleMs: number,
  find: () => Promise<StagedFile | undefined>,
): Promise<PinnedFile> {
  const path = layout.whole(digest);
  const pin = await Lease.tryTake(layout.pin(digest, randomUUID()), staleMs);
  try {
    const file = await find();
    // Evicted between the two: what was opened before stays readable, so only this moment counts.
    const handle = file && (await onDisk(path, () => ifThere(open(path, 'r'))));
    if (!handle) {
      const message = `the staged file ${digestText(digest)} is no longer there`;
      throw new ImageStreamError('StagingLost', message, { details: { path } });
    }
    let released: Promise<void> | undefined;
    const release = () => (released ??= handle.close().then(() => pin?.release()));
    return { file, handle, release };
  } catch (error) {
    await pin?.release();
    throw error;
  }
}

/** A stream over a pinned file; its end, error or `release` lets the pin go. */
export function readerOver(pinned: PinnedFile, signal: AbortSignal): StagedReader {
  const { file, handle } = pinned;
  const stream = handle.createReadStream({
    start: 0,
    highWaterMark: READ_BYTES,
    autoClose: false,
    signal,
  });
  const closed = new Promise<void>((resolve) => stream.once('close', () => resolve()));
  const release = async () => {
    stream.destroy();
    await closed;
    await pinned.release();
  };
  // The reader may be gone with its error elsewhere; the pin must not outlive it.
  stream.once('close', () => void pinned.release().catch(() => undefined));
  return { stream, size: file.size, digests: file.digests, release };
}
