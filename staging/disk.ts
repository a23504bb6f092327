import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ImageStreamError } from '../contracts/errors.js';
import { FileHasher } from './digest.js';
import type { FileDigests } from './types.js';

const READ_BYTES = 1024 * 1024;

export function hasCode(error: unknown, ...codes: string[]): boolean {
  return (
    error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code)
  );
}

/**
 * Turns a file system's error into one with a code of the table; anything else passes unchanged.
 * ENOSPC and EDQUOT → StagingFull; ENOENT → StagingLost; what access rights or the mount cause, and the rest → StagingUnwritable.
 */
function diskError(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return error;
  const code = String(error.code);
  if (hasCode(error, 'ENOSPC', 'EDQUOT')) {
    return new ImageStreamError('StagingFull', `no space left for ${path} (${code})`, {
      details: { path },
      cause: error,
    });
  }
  if (code === 'ENOENT') {
    return new ImageStreamError('StagingLost', `${path} is gone from the staging folder`, {
      details: { path },
      cause: error,
    });
  }
  // Only these need somebody's hand; an EIO or ESTALE of a shared volume may pass.
  const lasting = hasCode(error, 'EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG', 'ELOOP');
  return new ImageStreamError('StagingUnwritable', `the staging folder fails at ${path} (${code})`, {
    retryable: !lasting,
    details: { path },
    cause: error,
  });
}

/** Runs `work`; errors of the disk come out with codes. */
export async function onDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw diskError(error, path);
  }
}

/** The result, or undefined where the file is not there. */
export async function ifThere<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

export function sizeOf(path: string): Promise<number | undefined> {
  return ifThere(stat(path).then((facts) => facts.size));
}

export function remove(path: string): Promise<void> {
  return rm(path, { force: true });
}

/** Writes a small file so that a reader sees all of it or none, also after a power cut. */
export async function writeAtomically(path: string, bytes: string | Uint8Array): Promise<void> {
  const temporary = `${path}.tmp-${randomUUID()}`;
  try {
    const handle = await open(temporary, 'wx');
    try {
      await handle.writeFile(bytes);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await remove(temporary);
    throw error;
  }
}

/** Makes a rename in this file's folder survive a power cut. */
export async function syncFolderOf(path: string): Promise<void> {
  const handle = await open(dirname(path), 'r');
  try {
    await handle.sync();
  } catch (error) {
    // Some network file systems refuse to sync a folder; they order renames themselves.
    if (!hasCode(error, 'EINVAL', 'ENOTSUP')) throw error;
  } finally {
    await handle.close();
  }
}

/** Whether the disk itself is full, and not only the budget. */
export function isDiskFull(error: unknown): boolean {
  return (
    error instanceof ImageStreamError &&
    error.code === 'StagingFull' &&
    hasCode(error.cause, 'ENOSPC', 'EDQUOT')
  );
}

/** The result, or undefined where the file is not there or is another user's that keeps it to himself. */
export async function ifReadable<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await ifThere(work);
  } catch (error) {
    if (hasCode(error, 'EACCES', 'EPERM')) return undefined;
    throw error;
  }
}

/** JSON of a small file that we wrote ourselves; undefined where it is missing, unreadable or was cut short. */
export async function readJson(path: string): Promise<unknown> {
  const text = await ifReadable(readFile(path, 'utf8'));
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Reads the first `size` bytes of the file and hashes them, a MiB at a time so that the event loop lives. */
export async function hashFile(
  handle: FileHandle,
  size: number,
  signal: AbortSignal,
  onRead: (offset: number) => void,
): Promise<FileDigests> {
  const hasher = new FileHasher();
  const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, Math.max(size, 1)));
  let offset = 0;
  while (offset < size) {
    signal.throwIfAborted();
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, size - offset), offset);
    if (bytesRead === 0) break;
    hasher.update(buffer.subarray(0, bytesRead));
    offset += bytesRead;
    onRead(offset);
  }
  return hasher.digests();
}

/** Waits; an abort comes out as the signal's own reason. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(milliseconds, undefined, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
