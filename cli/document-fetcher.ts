import { ImageStreamError } from '../contracts/errors.js';
import { createMirrorClient } from '../mirrors/index.js';

/** The bytes at a URL or path, at most `limit` of them. */
export type DocumentFetcher = (url: string, limit: number) => Promise<Uint8Array>;

/** Fetches over HTTP, from file URLs and plain paths for as long as `use` runs. */
export async function withFetcher<T>(use: (fetch: DocumentFetcher) => Promise<T>): Promise<T> {
  const client = createMirrorClient();
  const { signal } = new AbortController();
  try {
    return await use(async (url, limit) => {
      const fetched = await client.fetchDocument(url, { signal, limit });
      if (fetched.notModified) throw new ImageStreamError('MirrorError', 'nothing was asked for by its date');
      return fetched.bytes;
    });
  } finally {
    await client.close();
  }
}
