import type { Removal } from '../../contracts/sync.js';
import type { HeldFile, HeldFiles } from './held-files.js';
import type { MirrorFolder } from './mirror-folder.js';
import type { FoundFile } from './survey-directory.js';

/** A document as the mirror has it, signature and all. */
export interface MirrorDocument {
  path: string;
  bytes: Uint8Array;
}

/**
 * Writes documents that changed, in the order given: products before the indexes that name them, so that a reader never meets a name
 * without its file. Returns how many were written.
 */
export async function writeDocuments(
  folder: MirrorFolder,
  documents: readonly MirrorDocument[],
): Promise<number> {
  let written = 0;
  for (const { path, bytes } of documents) {
    if ((await folder.read(path))?.equals(bytes)) continue;
    await folder.write(path, bytes);
    written += 1;
  }
  return written;
}

/**
 * Removes files that no document names any more, after the documents were written, and notes what is left.
 * @param onRemoved hears of each file that went
 */
export async function removeFiles(
  folder: MirrorFolder,
  held: HeldFiles,
  found: readonly FoundFile[],
  removals: readonly Removal[],
  onRemoved: (file: HeldFile) => Promise<void>,
): Promise<number> {
  const going = new Set(removals.map(({ imageId }) => imageId));
  let removed = 0;
  for (const file of found) {
    if (!going.has(file.path)) continue;
    if (await folder.remove(file.path)) removed += 1;
    await onRemoved(file);
  }
  await held.rewrite(found.filter(({ path }) => !going.has(path)));
  return removed;
}
