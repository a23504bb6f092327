import type { SourceMark } from '../../contracts/sync.js';
import { canonicalJson, isObject, parseJson, type JsonValue } from '../../simplestreams/index.js';
import { ImageStreamError } from '../../contracts/errors.js';
import { MARKS_MEMBER, sourceMarkSchema } from '../source-mark.js';

/** The marks in the entry of a content id, by mirror; what is no mark is left out, as is all of an index that cannot be read. */
export function marksInIndex(index: string | undefined, contentId: string): Map<string, SourceMark> {
  const found = new Map<string, SourceMark>();
  const marks = [MARKS_MEMBER, contentId, 'index'].reduceRight(memberOf, treeOf(index));
  if (!isObject(marks)) return found;
  for (const [mirror, value] of marks) {
    const mark = sourceMarkSchema.safeParse(JSON.parse(canonicalJson(value)));
    if (mark.success) found.set(mirror, mark.data);
  }
  return found;
}

function memberOf(tree: JsonValue | undefined, key: string): JsonValue | undefined {
  return isObject(tree) ? tree.get(key) : undefined;
}

function treeOf(index: string | undefined): JsonValue | undefined {
  try {
    return index === undefined ? undefined : parseJson(index);
  } catch (error) {
    if (error instanceof ImageStreamError) return undefined;
    throw error;
  }
}
