import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { ImageStreamError } from '../contracts/errors.js';
import { printableUrl } from '../contracts/urls.js';
import type { Validator } from '../staging/types.js';
import { readBody } from './body.js';
import { discard, get, type Answer, type Connection } from './request.js';
import type { DocumentOptions, FetchedDocument } from './types.js';

export const DOCUMENT_LIMIT = 64 * 1024 * 1024;

/** A document over HTTP, decoded; see MirrorClient.fetchDocument. */
export async function fetchHttpDocument(
  connection: Connection,
  url: string,
  { signal, limit = DOCUMENT_LIMIT, validator }: DocumentOptions,
): Promise<FetchedDocument> {
  const headers = { 'accept-encoding': 'gzip, identity;q=0.5', ...conditions(validator) };
  const answer = await get(connection, url, headers, validator ? [304] : [], signal);
  if (answer.status === 304) {
    discard(answer);
    return { notModified: true };
  }
  const shown = printableUrl(answer.url);
  if (answer.status !== 200 && answer.status !== 203) {
    discard(answer);
    const message = `${shown} answered ${answer.status} to a request for the whole document`;
    throw new ImageStreamError('MirrorError', message, { details: { url: shown, status: answer.status } });
  }
  if (Number(answer.header('content-length') ?? 0) > limit) {
    discard(answer);
    throw tooLarge(shown, limit);
  }
  const bytes = await collect(decoded(connection, answer, limit, signal), shown, limit);
  return { notModified: false, bytes, validator: validatorOf(answer), url: shown };
}

export function validatorOf(answer: Answer): Validator {
  const etag = answer.header('etag');
  const lastModified = answer.header('last-modified');
  return { ...(etag !== undefined && { etag }), ...(lastModified !== undefined && { lastModified }) };
}

/** @throws {ImageStreamError} DocumentTooLarge as soon as it is known, whatever was announced */
export async function collect(
  chunks: AsyncIterable<Uint8Array>,
  shown: string,
  limit: number,
): Promise<Uint8Array> {
  const kept: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.byteLength;
    if (bytes > limit) throw tooLarge(shown, limit);
    kept.push(chunk);
  }
  return Buffer.concat(kept, bytes);
}

export function tooLarge(shown: string, limit: number): ImageStreamError {
  const details = { url: shown, limit };
  return new ImageStreamError('DocumentTooLarge', `${shown} has more than ${limit} bytes`, { details });
}

function conditions(validator: Validator | undefined): Record<string, string> {
  if (validator?.etag !== undefined) return { 'if-none-match': validator.etag };
  if (validator?.lastModified !== undefined) return { 'if-modified-since': validator.lastModified };
  return {};
}

async function* decoded(
  connection: Connection,
  answer: Answer,
  limit: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const shown = printableUrl(answer.url);
  const encoding = (answer.header('content-encoding') ?? 'identity').trim().toLowerCase();
  const body = readBody(answer, connection.minimum, signal);
  if (encoding === 'identity' || encoding === '') {
    yield* body;
    return;
  }
  if (encoding !== 'gzip' && encoding !== 'x-gzip') {
    discard(answer);
    const message = `${shown} is encoded as ${JSON.stringify(encoding.slice(0, 40))}, which was not asked for`;
    throw new ImageStreamError('MirrorError', message, { retryable: false, details: { url: shown } });
  }
  const source = Readable.from(capped(body, shown, limit), { objectMode: false });
  const gunzip = createGunzip();
  // pipe alone forgets errors.
  source.on('error', (error) => gunzip.destroy(error));
  try {
    yield* source.pipe(gunzip) as AsyncIterable<Buffer>;
  } catch (error) {
    if (error instanceof ImageStreamError || signal.aborted) throw error;
    const message = `${shown} is not the gzip it claims to be`;
    throw new ImageStreamError('MirrorError', message, { details: { url: shown }, cause: error });
  } finally {
    source.destroy();
  }
}

async function* capped(
  chunks: AsyncIterable<Uint8Array>,
  shown: string,
  limit: number,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.byteLength;
    if (bytes > limit) throw tooLarge(shown, limit);
    yield chunk;
  }
}
