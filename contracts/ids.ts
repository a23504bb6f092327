import { createHash } from 'node:crypto';

/**
 * Workflow ids. A name is hostile input, so every part keeps letters, digits and `._:-` and escapes the rest as `=XX` (UTF-8,
 * upper hex); `/` only separates parts. An id over 200 bytes is cut and ends in `~` and 16 hex digits of its SHA-256, since
 * the databases of a real Temporal cluster hold 255 bytes. `~` itself is escaped, so that no name can look like a cut one.
 */
const MAX_BYTES = 200;
const HASH_HEX = 16;

function encodePart(part: string): string {
  const out = part.replace(/[^A-Za-z0-9._:-]/gu, escaped);
  return out === '' ? '=' : out;
}

/** Half a surrogate pair is legal in JSON and has no UTF-8; written as `=D800` it is none, so that it stays apart from all others. */
function escaped(char: string): string {
  if (/\p{Surrogate}/u.test(char)) return `=${char.charCodeAt(0).toString(16).toUpperCase()}`;
  return Buffer.from(char, 'utf8').toString('hex').toUpperCase().replace(/../g, '=$&');
}

function join(...parts: string[]): string {
  const id = parts.map(encodePart).join('/');
  if (id.length <= MAX_BYTES) return id;
  const hash = createHash('sha256').update(id).digest('hex').slice(0, HASH_HEX);
  return `${id.slice(0, MAX_BYTES - HASH_HEX - 1)}~${hash}`;
}

export const workflowId = {
  schedule: (mirror: string) => join('mirror', mirror),
  syncMirror: (mirror: string) => join('sync', mirror),
  planMirror: (mirror: string) => join('plan', mirror),
  verifyMirror: (mirror: string) => join('verify', mirror),
  syncRegion: (parent: string, cloud: string, region: string) =>
    `${parent}/${join(cloud, region)}`.length <= MAX_BYTES
      ? `${parent}/${join(cloud, region)}`
      : join(parent, cloud, region),
  syncImage: (
    cloud: string,
    region: string,
    contentId: string,
    product: string,
    version: string,
    item: string,
  ) => join('image', cloud, region, contentId, product, version, item),
  publishStreams: (destination: string) => join('publish', destination),
};

/** A short stable key of an item, for lists that travel: 12 hex digits over its identity. */
export function itemKey(contentId: string, product: string, version: string, item: string): string {
  const hash = createHash('sha256');
  for (const part of [contentId, product, version, item])
    hash.update(`${part.length}:`).update(part, 'utf16le');
  return hash.digest('hex').slice(0, 12);
}
