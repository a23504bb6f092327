import { randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import {
  copyFile,
  link,
  lstat,
  mkdir,
  open,
  readFile,
  realpath,
  rename,
  rm,
  rmdir,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ImageStreamError } from '../../contracts/errors.js';
import { assertSafePath } from '../../simplestreams/index.js';
import { hasCode, makeFolder, syncFolderOf } from '../../staging/index.js';

/** Ours in the folder: the journal, staged bytes, files that are being written. */
export const OWN_FOLDER = '.image-stream';
/** What sstream-mirror keeps there (reference §2.6). */
export const SSTREAM_FOLDER = '.data';

/**
 * A folder that becomes a mirror. Paths come from the documents of a mirror and are hostile: nothing outside of the folder is ever
 * read, written or removed, also where a symbolic link in it leads out. Every failure is an ImageStreamError: UnsafePath,
 * StagingFull, StagingUnwritable.
 */
export class MirrorFolder {
  private constructor(readonly root: string) {}

  /** Makes the folder where it is missing. */
  static async open(path: string): Promise<MirrorFolder> {
    return onDisk(path, async () => {
      await makeFolder(join(path, OWN_FOLDER, 'new'));
      return new MirrorFolder(await realpath(path));
    });
  }

  /** A file of our own, which no document can name. */
  own(name: string): string {
    return join(this.root, OWN_FOLDER, name);
  }

  /** The plain file at a path of the mirror; undefined where there is none, or something else, or the way to it is a link. */
  async facts(path: string): Promise<Stats | undefined> {
    const file = this.#inside(path);
    return onDisk(file, async () => {
      if ((await this.#parents(path, 'look')) === undefined) return undefined;
      const stats = await ifThere(lstat(file));
      return stats?.isFile() ? stats : undefined;
    });
  }

  /** The whole of a small file, such as a document; undefined where there is none. */
  async read(path: string): Promise<Buffer | undefined> {
    if (!(await this.facts(path))) return undefined;
    const file = this.#inside(path);
    return onDisk(file, () => ifThere(readFile(file)));
  }

  /** Opens a file of the mirror that `facts` knows. */
  pathOf(path: string): string {
    return this.#inside(path);
  }

  /** Puts a document at a path: whole, or as it was before. */
  async write(path: string, bytes: Uint8Array): Promise<void> {
    await this.#put(path, (temporary) =>
      writeFile(temporary, bytes, { flag: 'wx', mode: 0o644, flush: true }),
    );
  }

  /** Puts a whole staged file at a path: by a link where both are on one file system, else by a copy. */
  async place(staged: string, path: string): Promise<void> {
    await this.#put(path, async (temporary) => {
      try {
        await link(staged, temporary);
      } catch (error) {
        if (!hasCode(error, 'EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP')) throw error;
        await copyFile(staged, temporary);
        await sync(temporary);
      }
    });
  }

  /** Removes a file and the folders that are empty then. False where there was none. */
  async remove(path: string): Promise<boolean> {
    if (!(await this.facts(path))) return false;
    const file = this.#inside(path);
    await onDisk(file, () => unlink(file));
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) {
      try {
        await rmdir(this.#inside(folder));
      } catch {
        break;
      }
    }
    return true;
  }

  async #put(path: string, make: (temporary: string) => Promise<void>): Promise<void> {
    const file = this.#inside(path);
    const temporary = this.own(join('new', randomUUID()));
    await onDisk(file, async () => {
      await this.#parents(path, 'make');
      try {
        await make(temporary);
        await rename(temporary, file);
      } finally {
        await rm(temporary, { force: true });
      }
      await syncFolderOf(file);
    });
  }

  #inside(path: string): string {
    assertSafePath(path, 'the mirror');
    const parts = path.split('/').filter((part) => part !== '' && part !== '.');
    const [first] = parts;
    if (first === undefined || first === OWN_FOLDER || first === SSTREAM_FOLDER) {
      throw unsafe(path, 'is kept for what a mirror tool notes there');
    }
    return join(this.root, ...parts);
  }

  /** Walks to the folder of a path, each step a real folder. Undefined where it is missing and shall not be made. */
  async #parents(path: string, how: 'look' | 'make'): Promise<true | undefined> {
    let folder = this.root;
    for (const part of dirname(this.#inside(path)).slice(this.root.length).split('/').filter(Boolean)) {
      folder = join(folder, part);
      let stats = await ifThere(lstat(folder));
      if (!stats && how === 'look') return undefined;
      if (!stats) {
        await mkdir(folder).catch((error: unknown) => {
          if (!hasCode(error, 'EEXIST')) throw error;
        });
        stats = await lstat(folder);
      }
      if (stats.isSymbolicLink()) throw unsafe(path, `goes through the symbolic link ${folder}`);
      if (!stats.isDirectory()) {
        if (how === 'look') return undefined;
        throw unsafe(path, `needs the folder ${folder}, where a file is`);
      }
    }
    return true;
  }
}

function unsafe(path: string, reason: string): ImageStreamError {
  const shown = JSON.stringify(path.length > 120 ? `${path.slice(0, 120)}…` : path);
  return new ImageStreamError('UnsafePath', `the path ${shown} ${reason}`, {
    details: { path: path.slice(0, 200) },
  });
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function ifThere<T>(looking: Promise<T>): Promise<T | undefined> {
  try {
    return await looking;
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

async function onDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ImageStreamError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const full = code === 'ENOSPC' || code === 'EDQUOT';
    throw new ImageStreamError(
      full ? 'StagingFull' : 'StagingUnwritable',
      `${path} cannot be used (${code})`,
      {
        hint: full ? 'Free space on that disk.' : 'Give the worker write access to the mirror’s directory.',
        retryable: full,
        details: { path },
        cause: error,
      },
    );
  }
}
