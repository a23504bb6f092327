import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { ImageStreamError } from '../../contracts/errors.js';
import type { Digest } from '../../contracts/sync.js';
import type { HeldFile, Identity } from './held-files.js';
import type { MirrorFolder } from './mirror-folder.js';

/** The file of one item. */
export interface WantedFile {
  path: string;
  /** Bytes. */
  size: number;
  digest: Digest;
  identity: Identity;
}

/**
 * Reads a file that is at its place already, such as one that sstream-mirror or a run that was killed left there. Undefined when it
 * is not the wanted one; it is then replaced by a whole one, never written into.
 */
export async function adoptFile(
  folder: MirrorFolder,
  wanted: WantedFile,
  signal: AbortSignal,
  onProgress: (offset: number) => void,
): Promise<HeldFile | undefined> {
  const before = await folder.facts(wanted.path);
  if (before?.size !== wanted.size) return undefined;
  const hash = createHash(wanted.digest.algorithm);
  let offset = 0;
  const stream = createReadStream(folder.pathOf(wanted.path), { highWaterMark: 1024 * 1024, signal });
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    hash.update(chunk);
    onProgress((offset += chunk.length));
  }
  if (hash.digest('hex') !== wanted.digest.hex) return undefined;
  return heldFile(folder, wanted);
}

/** Puts a verified staged file at its place. */
export async function placeFile(folder: MirrorFolder, staged: string, wanted: WantedFile): Promise<HeldFile> {
  await folder.place(staged, wanted.path);
  return heldFile(folder, wanted);
}

async function heldFile(
  folder: MirrorFolder,
  { path, size, digest, identity }: WantedFile,
): Promise<HeldFile> {
  const facts = await folder.facts(path);
  if (facts?.size === size) return { path, size, mtimeMs: facts.mtimeMs, digest, items: [identity] };
  throw new ImageStreamError('StagingLost', `${path} went away or changed as soon as it was placed`);
}
