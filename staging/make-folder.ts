import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { hasCode } from './disk.js';

/**
 * Makes a folder and those above it. Node's own `recursive` takes ENOENT to mean that the parent is missing and tries for ever
 * where the file system says so of a folder that it will not make in a parent that is there, as /proc does.
 * @param mode of the folders that are made
 * @throws the file system's own error; ENOENT then means such a place
 */
export async function makeFolder(path: string, mode = 0o777): Promise<void> {
  if (await isFolder(path)) return;
  const parent = dirname(path);
  if (parent !== path) await makeFolder(parent, mode);
  try {
    await mkdir(path, mode);
  } catch (error) {
    // Another process may have made it meanwhile.
    if (!hasCode(error, 'EEXIST') || !(await isFolder(path))) throw error;
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}
