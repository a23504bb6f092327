import { isSound, type HeldFile, type HeldFiles } from './held-files.js';
import type { MirrorFolder } from './mirror-folder.js';
import { sstreamFiles } from './sstream-state.js';

/** A file that is noted; `sound` says whether it is there as it was compared. */
export type FoundFile = HeldFile & { sound: boolean };

/** A file of sstream-mirror whose bytes nobody compared yet. */
const UNREAD = { size: -1, mtimeMs: -1, digest: { algorithm: 'sha256', hex: '' } } as const;

/**
 * What a folder holds: by our journal, and before the first run of ours by sstream-mirror's notes. A file is sound while its size and
 * time are those of the moment when its bytes were compared.
 */
export async function surveyFolder(folder: MirrorFolder, held: HeldFiles): Promise<FoundFile[]> {
  const found: FoundFile[] = [];
  for (const file of held.all()) {
    found.push({ ...file, sound: isSound(file, await folder.facts(file.path)) });
  }
  if (held.begun) return found;
  for (const [path, items] of await sstreamFiles(folder)) {
    found.push({ ...UNREAD, path, items, sound: false });
  }
  return found;
}
