import { z } from 'zod';
import { ImageStreamError } from '../contracts/errors.js';
import type { SourceMark } from '../contracts/sync.js';

/** The member of a published index entry that holds the marks by mirror; Juju and the Python tool look past it. */
export const MARKS_MEMBER = 'image_stream_sources';

const date = z.string().refine((text) => text.length <= 40 && !Number.isNaN(Date.parse(text)));

/** A mark as a file or an index holds it: whoever may write there may have written anything. */
export const sourceMarkSchema = z.object({
  of: z.string().max(64),
  products: z.int().min(0),
  updated: z.record(z.string().max(1024), date),
  seen: date,
});

/** @throws {ImageStreamError} BadRequest */
export function parseMark(json: string): SourceMark {
  try {
    return sourceMarkSchema.parse(JSON.parse(json));
  } catch (cause) {
    throw new ImageStreamError('BadRequest', 'What should be the mark of a source is none', { cause });
  }
}

/** What a mirror serves now, to be compared with what was seen of it. */
export type SourceState = Omit<SourceMark, 'seen'>;

/** Of the marks of one mirror the one that was kept last: it may be of an older source, where that was allowed. */
export function laterMark(marks: readonly (SourceMark | undefined)[]): SourceMark | undefined {
  return marks
    .filter((mark) => mark !== undefined)
    .sort((one, other) => Date.parse(other.seen) - Date.parse(one.seen))[0];
}

/**
 * In which way a source has gone back behind its mark, as a sentence; undefined where it has not. Another source (URL, path, index
 * filters) is no older one, and a document is compared by its own date, so that an old one under a new index is found, too.
 * @param shrinkLimit the share of the products that may be gone, 0.5 for half of them
 */
export function regression(mark: SourceMark, now: SourceState, shrinkLimit: number): string | undefined {
  if (mark.of !== now.of) return undefined;
  const seen = mark.seen;
  const known = new Map(Object.entries(mark.updated));
  for (const [path, updated] of Object.entries(now.updated)) {
    const before = known.get(path);
    if (before !== undefined && Date.parse(updated) < Date.parse(before)) {
      return `${path} is of ${updated}, and the one of ${before} was taken on ${seen}`;
    }
  }
  const gone = mark.products - now.products;
  if (gone <= mark.products * shrinkLimit) return undefined;
  return `it has ${now.products} products, and ${mark.products} were there on ${seen}`;
}

/** Whether a mark says of a source what is true of it now. */
export function marks(mark: SourceMark | undefined, now: SourceState): boolean {
  if (mark?.of !== now.of || mark.products !== now.products) return false;
  const [old, current] = [Object.entries(mark.updated), new Map(Object.entries(now.updated))];
  return old.length === current.size && old.every(([path, updated]) => current.get(path) === updated);
}
