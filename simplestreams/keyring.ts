import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readKeys, type Key } from 'openpgp';
import { ImageStreamError } from '../contracts/errors.js';

/** Where Ubuntu's package ubuntu-cloudimage-keyring puts its key. */
export const UBUNTU_KEYRING = '/usr/share/keyrings/ubuntu-cloudimage-keyring.gpg';

/** Public keys that are trusted to sign documents. */
export interface Keyring {
  readonly path: string;
  readonly keys: readonly Key[];
}

const FILE_LIMIT = 16 * 1024 * 1024;

/**
 * Reads public keys from a file, or from the `.asc`, `.gpg`, `.pgp` and `.key` files of a folder; armored or binary, several
 * a file. Copies of one key are merged, so that a revocation in one of them counts.
 * @throws {ImageStreamError} KeyringMissing; KeyringInvalid, naming the file
 */
export async function loadKeyring(path: string): Promise<Keyring> {
  const files = await keyFiles(path);
  const keys = new Map<string, Key>();
  for (const file of files) {
    for (const key of await parseKeys(await readBytes(file), file)) {
      const known = keys.get(key.getFingerprint());
      keys.set(key.getFingerprint(), known ? await known.update(key) : key);
    }
  }
  if (keys.size === 0) throw invalid(path, 'has no keys');
  return { path, keys: [...keys.values()] };
}

/**
 * The public keys in the bytes of a file.
 * @param name names the file in messages
 * @throws {ImageStreamError} KeyringInvalid
 */
export async function parseKeys(bytes: Uint8Array, name: string): Promise<Key[]> {
  if (Buffer.from(bytes.subarray(8, 12)).toString('latin1') === 'KBXf') {
    throw invalid(name, 'is a GnuPG keybox', 'Export the keys with `gpg --export --output keys.gpg`.');
  }
  try {
    const blocks = armoredBlocks(
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1'),
    );
    const read =
      blocks.length > 0
        ? (await Promise.all(blocks.map((armoredKeys) => readKeys({ armoredKeys })))).flat()
        : await readKeys({ binaryKeys: bytes });
    return read.map((key) => key.toPublic());
  } catch (error) {
    throw invalid(
      name,
      `cannot be read as OpenPGP keys: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function armoredBlocks(text: string): string[] {
  const blocks: string[] = [];
  const begin = /-----BEGIN PGP (?:PUBLIC|PRIVATE) KEY BLOCK-----/g;
  for (let match = begin.exec(text); match; match = begin.exec(text)) {
    const footer = match[0].replace('BEGIN', 'END');
    const end = text.indexOf(footer, match.index);
    if (end < 0) break;
    begin.lastIndex = end + footer.length;
    blocks.push(text.slice(match.index, begin.lastIndex));
  }
  return blocks;
}

async function keyFiles(path: string): Promise<string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path];
    const names = (await readdir(path)).filter((name) => /^[^.].*\.(asc|gpg|pgp|key)$/.test(name)).sort();
    return names.map((name) => join(path, name));
  } catch (error) {
    throw unreadable(path, error);
  }
}

async function readBytes(file: string): Promise<Uint8Array> {
  try {
    if ((await stat(file)).size > FILE_LIMIT) throw invalid(file, 'is larger than 16 MiB');
    return await readFile(file);
  } catch (error) {
    if (error instanceof ImageStreamError) throw error;
    throw unreadable(file, error);
  }
}

function unreadable(path: string, error: unknown): ImageStreamError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new ImageStreamError('KeyringMissing', `there is no keyring ${path}`, { details: { path } });
  }
  return invalid(path, `cannot be read (${code || String(error)})`);
}

function invalid(path: string, reason: string, hint?: string): ImageStreamError {
  return new ImageStreamError('KeyringInvalid', `the keyring ${path} ${reason}`, {
    details: { path },
    ...(hint === undefined ? {} : { hint }),
  });
}
