import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ImageStreamError } from '../contracts/errors.js';
import { isObject, parseDocument, parseJson, writeJson } from '../simplestreams/index.js';
import type { InlineSigner } from './inline-signer.js';
import { replaceFile } from './stream-files.js';

/**
 * Signs every document of a mirror: beside each `.json` under `streams/v1` a `.sjson` with the same text, where an index leads to the
 * signed twins. Products come before indexes, so that no index leads to what is not signed yet.
 * @returns the documents written, relative to the root
 * @throws {ImageStreamError} SigningFailed, DocumentInvalid, UnsafePath, Usage where there is no mirror
 */
export async function signStream(folder: string, sign: InlineSigner): Promise<string[]> {
  const paths = await documentPaths(folder);
  const documents = await Promise.all(
    paths.map(async (path) => {
      const text = await readFile(join(folder, path), 'utf8');
      return { path, text, kind: parseDocument(text, path).kind };
    }),
  );
  documents.sort((a, b) => Number(a.kind === 'index') - Number(b.kind === 'index'));
  const twins = new Set(paths);
  const written: string[] = [];
  for (const { path, text, kind } of documents) {
    const signed = await sign(kind === 'index' ? leadingToTwins(text, path, twins) : text);
    await replaceFile(join(folder, twinOf(path)), signed.endsWith('\n') ? signed : `${signed}\n`);
    written.push(twinOf(path));
  }
  return written;
}

/** The index with the paths of signed documents, in the order it had. */
function leadingToTwins(text: string, path: string, signed: ReadonlySet<string>): string {
  const tree = parseJson(text, path);
  const index = isObject(tree) ? tree.get('index') : undefined;
  if (isObject(index)) {
    for (const entry of index.values()) {
      const target = isObject(entry) ? entry.get('path') : undefined;
      if (isObject(entry) && typeof target === 'string' && signed.has(target))
        entry.set('path', twinOf(target));
    }
  }
  return writeJson(tree, { indent: 1, sort: false });
}

function twinOf(path: string): string {
  return path.replace(/\.json$/, '.sjson');
}

async function documentPaths(folder: string): Promise<string[]> {
  let names: string[];
  try {
    names = await readdir(join(folder, 'streams/v1'), { recursive: true });
  } catch (error) {
    throw notThere(folder, error);
  }
  const paths = names.filter((name) => name.endsWith('.json')).map((name) => `streams/v1/${name}`);
  if (paths.length === 0) throw notThere(folder);
  return paths.sort();
}

function notThere(folder: string, cause?: unknown): ImageStreamError {
  return new ImageStreamError('Usage', `${folder} has no documents in streams/v1`, {
    hint: 'Name the root of a mirror; `image-stream streams create` makes one.',
    cause,
  });
}
