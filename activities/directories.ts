import { HeldFiles } from '../targets/directory/held-files.js';
import { MirrorFolder } from '../targets/directory/mirror-folder.js';

export interface OpenDirectory {
  folder: MirrorFolder;
  held: HeldFiles;
}

/** Folders that become mirrors, by path: the journal of each is read once and appended to, and read anew by each plan. */
export class Directories {
  private readonly opened = new Map<string, Promise<OpenDirectory>>();

  /** @throws {ImageStreamError} StagingUnwritable, StagingFull */
  async open(path: string): Promise<OpenDirectory> {
    return this.opened.get(path) ?? this.reopen(path);
  }

  /** As it is on disk now: another worker may have placed files. */
  async reopen(path: string): Promise<OpenDirectory> {
    const opening = MirrorFolder.open(path).then(async (folder) => ({
      folder,
      held: await HeldFiles.load(folder),
    }));
    this.opened.set(path, opening);
    opening.catch(() => this.opened.delete(path));
    return opening;
  }
}
