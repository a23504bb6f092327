import { ImageStreamError } from '../contracts/errors.js';
import { jsonMembers, parseJson, type JsonMember } from './json-parser.js';
import { isObject, jsonFrom, objectAt, stringAt, type PlainJson } from './json-value.js';
import { canonicalJson } from './json-writer.js';

/**
 * The index with one entry put in or replaced, and its own `updated` set. Every other byte stays as it is: other tools and
 * other regions have entries in the same index, in their own spelling.
 * @param indexText the index there is now; undefined where there is none yet
 * @param updated as {@link streamTimestamp} writes it
 * @throws {ImageStreamError} DocumentInvalid, when what is there is no index
 */
export function spliceIndexEntry(
  indexText: string | undefined,
  contentId: string,
  entry: PlainJson,
  updated: string,
): string {
  if (indexText === undefined) {
    return canonicalJson(
      jsonFrom(
        new Map<string, PlainJson>([
          ['format', 'index:1.0'],
          ['index', new Map([[contentId, entry]])],
          ['updated', updated],
        ]),
      ),
    );
  }
  const top = topMembers(indexText);
  const index = lastOf(top, 'index');
  const text = canonicalJson(jsonFrom(entry)).replaceAll('\n', '\n  ');
  const edits = [memberEdit(indexText, index.start, contentId, text, '\n  ')];
  edits.push(memberEdit(indexText, indexText.indexOf('{'), 'updated', canonicalJson(updated), '\n '));
  return applyEdits(indexText, edits);
}

/**
 * Whether two documents say the same, but for the dates at which they and their entries were updated. The order of keys does not
 * count; what is no JSON is never the same.
 */
export function sameButUpdated(a: string, b: string): boolean {
  if (a === b) return true;
  try {
    return undated(a) === undated(b);
  } catch (error) {
    if (error instanceof ImageStreamError) return false;
    throw error;
  }
}

function undated(text: string): string {
  const tree = parseJson(text);
  if (!isObject(tree)) return canonicalJson(tree);
  tree.delete('updated');
  if (stringAt(tree, 'format') === 'index:1.0') {
    for (const entry of objectAt(tree, 'index')?.values() ?? []) if (isObject(entry)) entry.delete('updated');
  }
  return canonicalJson(tree);
}

/** Checks the whole text first, so that an edit never mends a broken index by half. */
function topMembers(text: string): JsonMember[] {
  const tree = parseJson(text, 'the published index');
  const isIndex = isObject(tree) && stringAt(tree, 'format') === 'index:1.0' && objectAt(tree, 'index');
  if (!isIndex) {
    throw new ImageStreamError('DocumentInvalid', 'the published index is there and no simplestreams index', {
      hint: 'Move it away, or publish to another place.',
    });
  }
  return jsonMembers(text, 0, 'the published index');
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Of a key given twice every reader takes the last. */
function lastOf(members: readonly JsonMember[], key: string): JsonMember {
  const member = members.findLast((candidate) => candidate.key === key);
  if (!member) throw new RangeError(`no member ${key}`);
  return member;
}

function memberEdit(text: string, object: number, key: string, value: string, newline: string): Edit {
  const members = jsonMembers(text, object, 'the published index');
  const there = members.findLast((member) => member.key === key);
  if (there) return { start: there.start, end: there.end, text: value };
  const last = members.at(-1);
  const member = `${newline}${canonicalJson(key)}: ${value}`;
  if (last) return { start: last.end, end: last.end, text: `,${member}` };
  return { start: object + 1, end: object + 1, text: member };
}

function applyEdits(text: string, edits: readonly Edit[]): string {
  let out = '';
  let from = 0;
  for (const edit of [...edits].sort((a, b) => a.start - b.start)) {
    out += text.slice(from, edit.start) + edit.text;
    from = edit.end;
  }
  return out + text.slice(from);
}
