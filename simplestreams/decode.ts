import { ImageStreamError } from '../contracts/errors.js';

/**
 * The text of a document's bytes. A byte order mark stays, and is refused by whoever reads the text.
 * @throws {ImageStreamError} DocumentInvalid, when it is not UTF-8
 */
export function decodeDocument(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new ImageStreamError('DocumentInvalid', `${path} is not UTF-8`, {
      details: { path },
      cause: error,
    });
  }
}
