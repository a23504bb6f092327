import { ImageStreamError } from '../contracts/errors.js';

/** Strongest first: the first one that an item has is the one that counts. */
const CHECKSUMS = [
  { algorithm: 'sha512', length: 128 },
  { algorithm: 'sha256', length: 64 },
  { algorithm: 'md5', length: 32 },
] as const;

export interface Checksum {
  readonly algorithm: (typeof CHECKSUMS)[number]['algorithm'];
  /** Lower case. */
  readonly hex: string;
}

/**
 * The size of an item's file in bytes, from its inherited data.
 * @throws {ImageStreamError} ItemInvalid, when it is missing or no whole number of bytes
 */
export function itemSize(data: ReadonlyMap<string, string>): number {
  const text = data.get('size');
  if (text === undefined) return invalid(data, 'has no size');
  const size = /^[0-9]{1,16}$/.test(text) ? Number(text) : NaN;
  return Number.isSafeInteger(size) ? size : invalid(data, `has the size ${excerpt(text)}`);
}

/**
 * The strongest checksum that an item has: sha512, sha256 or md5.
 * @throws {ImageStreamError} ItemInvalid, when it has none or the strongest one is malformed
 */
export function itemChecksum(data: ReadonlyMap<string, string>): Checksum {
  for (const { algorithm, length } of CHECKSUMS) {
    const hex = data.get(algorithm);
    if (hex === undefined) continue;
    if (hex.length === length && /^[0-9a-f]+$/i.test(hex)) return { algorithm, hex: hex.toLowerCase() };
    return invalid(data, `has the ${algorithm} ${excerpt(hex)}`);
  }
  return invalid(data, 'has no sha512, sha256 or md5');
}

function invalid(data: ReadonlyMap<string, string>, reason: string): never {
  const names = ['product_name', 'version_name', 'item_name'].map((key) => data.get(key) ?? '?');
  // A mirror may write anything there, escape sequences of terminals included.
  const name = names.join(' ').slice(0, 300).replace(/\p{C}/gu, '?');
  throw new ImageStreamError('ItemInvalid', `the item ${name} ${reason}`, { details: { item: name } });
}

function excerpt(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
