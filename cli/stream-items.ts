import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { ImageStreamError } from '../contracts/errors.js';
import {
  assertSafePath,
  parseJson,
  pythonText,
  JsonNumber,
  isObject,
  type JsonValue,
} from '../simplestreams/index.js';

/** An item on its way into a mirror. */
export interface NewItem {
  readonly contentId: string;
  readonly product: string;
  readonly version: string;
  readonly item: string;
  readonly data: ReadonlyMap<string, string>;
  /** The file to bring into the mirror, when it is not there yet. */
  readonly file?: string;
}

/** A name that may become part of a path and of a document's file name. */
const name = z
  .string()
  .max(200)
  .regex(/^[^\p{Cc}/\\]+$/u)
  .refine((text) => !/^\.+$/.test(text));

const names = z.object({ content_id: name, product_name: name, version_name: name, item_name: name });

/**
 * Reads a JSON list of flat objects as `sstream-query --json` prints them: the four names, and any other strings, numbers and booleans.
 * `file` names a file beside the list that is brought into the mirror; `item_url` is left out.
 * @param contentId of objects without a content_id
 * @throws {ImageStreamError} Usage, DocumentInvalid, ItemInvalid
 */
export async function readItems(path: string, contentId: string | undefined): Promise<NewItem[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new ImageStreamError('Usage', `${path} cannot be read`, {
      hint: 'Name a JSON list with --items.',
      cause: error,
    });
  }
  const list = parseJson(text, path);
  if (!Array.isArray(list))
    throw new ImageStreamError('DocumentInvalid', `${path} is no JSON list of items`, { hint: '' });
  return list.map((value, i) => newItem(value, `item ${i + 1} of ${path}`, dirname(path), contentId));
}

function newItem(value: JsonValue, where: string, folder: string, contentId: string | undefined): NewItem {
  if (!isObject(value)) return invalid(where, 'is no object');
  const data = new Map<string, string>();
  for (const [key, member] of value) {
    const scalar = typeof member === 'string' || typeof member === 'boolean' || member instanceof JsonNumber;
    if (!scalar) return invalid(where, `has ${JSON.stringify(key)}, which is no string, number or boolean`);
    data.set(key, pythonText(member));
  }
  const file = data.get('file');
  for (const key of ['file', 'item_url']) data.delete(key);
  const path = data.get('path');
  if (path !== undefined) assertSafePath(path, where);
  const identity = itemNames({ content_id: contentId, ...Object.fromEntries(data) }, where);
  return { ...identity, data, ...(file === undefined ? {} : { file: resolve(folder, file) }) };
}

/** @throws {ImageStreamError} ItemInvalid, naming what is missing or cannot be part of a path */
export function itemNames(
  values: Record<string, string | undefined>,
  where: string,
): Omit<NewItem, 'data' | 'file'> {
  const read = names.safeParse(values);
  if (!read.success) {
    const keys = [...new Set(read.error.issues.map((issue) => issue.path.join('.')))];
    return invalid(where, `has no usable ${keys.join(', ')}`);
  }
  const { content_id, product_name, version_name, item_name } = read.data;
  return { contentId: content_id, product: product_name, version: version_name, item: item_name };
}

function invalid(where: string, reason: string): never {
  throw new ImageStreamError('ItemInvalid', `${where} ${reason}`, {
    hint: 'An item needs content_id, product_name, version_name and item_name, without slashes.',
  });
}
