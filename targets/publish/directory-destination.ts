import { randomUUID } from 'node:crypto';
import { open, readFile, realpath, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ImageStreamError } from '../../contracts/errors.js';
import { makeFolder } from '../../staging/index.js';
import type { Destination } from './destination.js';

/** A directory that some web server shows. @throws {ImageStreamError} StagingUnwritable, StagingFull, when it cannot be made, read or written */
export async function directoryDestination(
  path: string,
  { create = true }: { create?: boolean } = {},
): Promise<Destination> {
  const root = create
    ? await writable(path, async () => {
        await makeFolder(path);
        return realpath(path);
      })
    : path;
  return {
    key: `directory:${root}`,
    publicUrl: '',
    async unprepared() {
      return undefined;
    },
    async prepare() {},
    async read(relative) {
      try {
        return await readFile(join(root, relative), 'utf8');
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return undefined;
        throw new ImageStreamError(
          'StagingUnwritable',
          `Cannot read ${join(root, relative)} (${codeOf(error)})`,
          {
            hint: 'Give the worker access to the folder that is published to.',
            cause: error,
          },
        );
      }
    },
    async write(relative, text) {
      const file = join(root, relative);
      await writable(file, () => replaceFile(file, text));
    },
  };
}

async function replaceFile(file: string, text: string): Promise<void> {
  await makeFolder(dirname(file));
  const temporary = `${file}.${randomUUID()}.part`;
  try {
    const handle = await open(temporary, 'wx', 0o644);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function writable<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = codeOf(error);
    const full = code === 'ENOSPC' || code === 'EDQUOT';
    throw new ImageStreamError(full ? 'StagingFull' : 'StagingUnwritable', `Cannot write ${path} (${code})`, {
      hint: full
        ? 'Free space on that disk.'
        : 'Give the worker write access to the folder that is published to.',
      cause: error,
    });
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
