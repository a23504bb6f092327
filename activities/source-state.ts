import { createHash } from 'node:crypto';
import type { MirrorSettings } from '../config/index.js';
import type { DocumentRef } from '../contracts/sync.js';
import { printableUrl } from '../contracts/urls.js';
import { flatten, parseTimestamp } from '../simplestreams/index.js';
import type { SourceState } from '../targets/source-mark.js';
import type { Documents } from './documents.js';

/** Documents whose dates a mark keeps: it travels in an index that every client reads. */
const KEPT_DATES = 50;

/** What a mirror serves now, and the paths of documents whose date cannot be read. */
export async function sourceState(
  documents: Documents,
  mirror: MirrorSettings,
  refs: readonly DocumentRef[],
  signal: AbortSignal,
): Promise<{ state: SourceState; undated: string[] }> {
  const updated: Record<string, string> = {};
  const undated: string[] = [];
  const products = new Set<string>();
  for (const ref of refs) {
    const { document } = await documents.read(mirror, ref, signal);
    if (document.updated !== undefined) {
      const date = parseTimestamp(document.updated);
      if (date === undefined) undated.push(ref.path);
      else if (Object.keys(updated).length < KEPT_DATES) updated[ref.path] = new Date(date).toISOString();
    }
    // All of them, since filters are the user's: taking fewer by them is no sign of a broken mirror.
    if (document.kind === 'products') for (const { product } of flatten(document)) products.add(product);
  }
  return { state: { of: sourceOf(mirror), products: products.size, updated }, undated };
}

/** Short, since it is written into a published index; the user of the URL is no part of it. */
function sourceOf({ url, path, indexFilters }: MirrorSettings): string {
  const source = JSON.stringify([printableUrl(url), path, indexFilters]);
  return createHash('sha256').update(source).digest('hex').slice(0, 16);
}
