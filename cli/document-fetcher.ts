import { resolve } from 'node:path';
import { ImageStreamError } from '../contracts/errors.js';
import { createMirrorClient } from '../mirrors/index.js';

/** The bytes at a URL or path, at most `limit` of them. */
export type DocumentFetcher = (url: string, limit: number) => Promise<Uint8Array>;

/** Fetches over HTTP, from file URLs and from paths below `cwd`, for as long as `use` runs. */
export async function withFetcher<T>(cwd: string, use: (fetch: DocumentFetcher) => Promise<T>): Promise<T> {
  const client = createMirrorClient();
  const { signal } = new AbortController();
  try {
    return await use(async (url, limit) => {
      const fetched = await client.fetchDocument(isUrl(url) ? url : resolve(cwd, url), { signal, limit });
      if (fetched.notModified) throw new ImageStreamError('MirrorError', 'nothing was asked for by its date');
      return fetched.bytes;
    });
  } finally {
    await client.close();
  }
}

function isUrl(text: string): boolean {
  return /^(file:|[a-z][a-z0-9+.-]*:\/\/)/i.test(text);
}
