import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Identity } from './held-files.js';
import { SSTREAM_FOLDER, type MirrorFolder } from './mirror-folder.js';

const MAX_BYTES = 256 * 1024 * 1024;
const references = z.record(z.string(), z.array(z.string()));

/**
 * What sstream-mirror placed in a folder, by path: its `.data/references.json` has `content_id/product/version/item` for each
 * (reference §2.6). Empty where it never ran, or its notes cannot be read: files are then adopted as they are wanted.
 */
export async function sstreamFiles(folder: MirrorFolder): Promise<Map<string, Identity[]>> {
  const file = join(folder.root, SSTREAM_FOLDER, 'references.json');
  const files = new Map<string, Identity[]>();
  let noted: z.infer<typeof references>;
  try {
    if ((await stat(file)).size > MAX_BYTES) return files;
    noted = references.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return files;
  }
  for (const [path, texts] of Object.entries(noted)) {
    const items = texts.map(identityOf).filter((identity) => identity !== undefined);
    if (items.length > 0) files.set(path, items);
  }
  return files;
}

/** Names may hold no slash but in theory; the product is what is left in the middle. */
function identityOf(text: string): Identity | undefined {
  const parts = text.split('/');
  const [contentId, ...rest] = parts;
  const item = rest.pop();
  const version = rest.pop();
  if (contentId === undefined || item === undefined || version === undefined || rest.length === 0)
    return undefined;
  return [contentId, rest.join('/'), version, item];
}
