import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * A file of the folder `shared` that stands beside the repository (vectors and signed fixtures are data of others and not
 * committed), or of the one that IMAGE_STREAM_SHARED names.
 */
export function sharedFile(path: string): string {
  const file = join(sharedFolder(), path);
  if (!existsSync(file))
    throw new Error(`no ${path} in a folder \`shared\` beside the repository; set IMAGE_STREAM_SHARED`);
  return file;
}

export function readShared(path: string): string {
  return readFileSync(sharedFile(path), 'utf8');
}

function sharedFolder(): string {
  if (process.env.IMAGE_STREAM_SHARED) return process.env.IMAGE_STREAM_SHARED;
  for (
    let folder = dirname(fileURLToPath(import.meta.url));
    folder !== dirname(folder);
    folder = dirname(folder)
  ) {
    if (existsSync(join(folder, 'shared', 'vectors'))) return join(folder, 'shared');
  }
  return 'shared';
}
