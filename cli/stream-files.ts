import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { link, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ImageStreamError } from '../contracts/errors.js';
import { makeFolder } from '../staging/index.js';

/** A file as a stream describes it. */
export interface FileFacts {
  readonly size: number;
  readonly md5: string;
  readonly sha256: string;
}

/**
 * Brings a file to its place in a mirror and says what it holds; every byte is read once. A file already there must hold the same: the
 * content of a path never changes (reference §1.1).
 * @param how `link` shares the bytes on disk where source and mirror are on one file system, and copies elsewhere
 * @throws {ImageStreamError} Usage, when the source cannot be read or other bytes are at its place; StagingUnwritable, StagingFull
 */
export async function placeFile(source: string, target: string, how: 'copy' | 'link'): Promise<FileFacts> {
  return writing(target, () => place(source, target, how));
}

async function place(source: string, target: string, how: 'copy' | 'link'): Promise<FileFacts> {
  if ((await sizeOf(target)) !== undefined) {
    const [facts, there] = [await factsOf(source), await factsOf(target)];
    if (facts.sha256 === there.sha256) return facts;
    throw new ImageStreamError('Usage', `${target} is there and holds other bytes than ${source}`, {
      hint: 'Give the new file another --product-version: what a mirror has published under a path never changes.',
    });
  }
  await makeFolder(dirname(target));
  if (how === 'link' && (await linked(source, target))) return factsOf(target);
  const partial = `${target}.${randomUUID()}.part`;
  try {
    const facts = await factsOf(source, partial);
    await rename(partial, target);
    return facts;
  } finally {
    await rm(partial, { force: true });
  }
}

/** Size and digests of a file; with `copy`, written there on the way. */
async function factsOf(source: string, copy?: string): Promise<FileFacts> {
  const [md5, sha256] = [createHash('md5'), createHash('sha256')];
  let size = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.byteLength;
      md5.update(chunk);
      sha256.update(chunk);
      done(null, copy === undefined ? undefined : chunk);
    },
  });
  const from = createReadStream(source, { highWaterMark: 1024 * 1024 });
  try {
    if (copy === undefined) await pipeline(from, count.resume());
    else await pipeline(from, count, createWriteStream(copy, { flags: 'wx' }));
  } catch (error) {
    throw unreadable(source, error);
  }
  return { size, md5: md5.digest('hex'), sha256: sha256.digest('hex') };
}

async function linked(source: string, target: string): Promise<boolean> {
  try {
    await link(source, target);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EXDEV' || code === 'EPERM' || code === 'EMLINK') return false;
    throw unreadable(source, error);
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The text of a file, or undefined where there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Writes a file whole or not at all, so that a reader never sees half of it.
 * @throws {ImageStreamError} StagingUnwritable, StagingFull
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  await writing(path, () => replace(path, text));
}

async function replace(path: string, text: string): Promise<void> {
  await makeFolder(dirname(path));
  const partial = `${path}.${randomUUID()}.part`;
  try {
    await writeFile(partial, text);
    await rename(partial, path);
  } finally {
    await rm(partial, { force: true });
  }
}

async function writing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ImageStreamError || !(error instanceof Error && 'syscall' in error)) throw error;
    const code = codeOf(error) ?? 'unknown reason';
    const full = code === 'ENOSPC' || code === 'EDQUOT';
    throw new ImageStreamError(
      full ? 'StagingFull' : 'StagingUnwritable',
      `${path} cannot be written (${code})`,
      {
        hint: full ? 'Free space on that disk.' : 'Name a folder that you may write.',
        cause: error,
      },
    );
  }
}

function unreadable(path: string, error: unknown): unknown {
  const code = codeOf(error);
  if (code !== 'ENOENT' && code !== 'EACCES' && code !== 'EISDIR' && code !== 'ENOTDIR') return error;
  return new ImageStreamError('Usage', `${path} cannot be read as a file (${code})`, {
    hint: 'Name an image file.',
    cause: error,
  });
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
