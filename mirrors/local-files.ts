import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { ImageStreamError } from '../contracts/errors.js';
import type { OpenRange, Validator } from '../staging/types.js';
import { collect, DOCUMENT_LIMIT, tooLarge } from './document.js';
import type { DocumentOptions, FetchedDocument } from './types.js';

const READ_BYTES = 256 * 1024;

/** The path that a file URL or a plain path names; undefined for anything else. */
export function localPath(url: string): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(url) && !/^file:/i.test(url)) return undefined;
  if (!/^file:/i.test(url)) return url;
  try {
    return fileURLToPath(url);
  } catch (error) {
    throw new ImageStreamError('MirrorNotFound', `${url} names no file on this machine`, { cause: error });
  }
}

interface LocalFile {
  handle: FileHandle;
  size: number;
  validator: Validator;
}

/** Documents of a mirror on this machine. */
export async function readLocalDocument(path: string, options: DocumentOptions): Promise<FetchedDocument> {
  const { signal, limit = DOCUMENT_LIMIT, validator } = options;
  const file = await openLocal(path);
  try {
    if (validator?.etag === file.validator.etag) return { notModified: true };
    if (file.size > limit) throw tooLarge(path, limit);
    const bytes = await collect(readFrom(file, path, 0, signal), path, limit);
    return { notModified: false, bytes, validator: file.validator, url: path };
  } finally {
    await file.handle.close();
  }
}

/** Ranges of a file on this machine. */
export function openLocalRange(path: string): OpenRange {
  return async (asked, validator, signal) => {
    signal.throwIfAborted();
    const file = await openLocal(path);
    const same = validator?.etag === undefined || validator.etag === file.validator.etag;
    const offset = same && asked <= file.size ? asked : 0;
    const body = closing(file, readFrom(file, path, offset, signal), signal);
    return { offset, total: file.size, validator: file.validator, body };
  };
}

async function openLocal(path: string): Promise<LocalFile> {
  let handle: FileHandle | undefined;
  try {
    // Without O_NONBLOCK a named pipe would hold the worker for ever.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const facts = await handle.stat({ bigint: true });
    if (!facts.isFile()) throw new ImageStreamError('MirrorNotFound', `${path} is not a file`);
    const etag = `"${facts.size.toString(16)}-${facts.mtimeNs.toString(16)}"`;
    return { handle, size: Number(facts.size), validator: { etag } };
  } catch (error) {
    await handle?.close();
    throw localError(error, path);
  }
}

async function* readFrom(
  { handle }: LocalFile,
  path: string,
  offset: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let at = offset;
  for (;;) {
    signal.throwIfAborted();
    // The reader keeps the pieces for a while, so each has memory of its own.
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    const { bytesRead } = await handle.read(buffer, 0, READ_BYTES, at).catch((error: unknown) => {
      throw localError(error, path);
    });
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

// A body that is never read is let go by its signal.
function closing(
  file: LocalFile,
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  let closed: Promise<void> | undefined;
  let reading = false;
  const close = () => (closed ??= file.handle.close());
  signal.addEventListener(
    'abort',
    () => {
      if (!reading) void close().catch(() => undefined);
    },
    { once: true },
  );
  return (async function* () {
    reading = true;
    try {
      yield* body;
    } finally {
      await close();
    }
  })();
}

function localError(error: unknown, path: string): unknown {
  if (error instanceof ImageStreamError || !(error instanceof Error) || !('code' in error)) return error;
  const code = String(error.code);
  const options = { details: { path, cause: code }, cause: error };
  if (/^(ENOENT|ENOTDIR|EISDIR|ELOOP|ENAMETOOLONG|ERR_INVALID_ARG_VALUE)$/.test(code)) {
    return new ImageStreamError('MirrorNotFound', `there is no file ${path}`, options);
  }
  if (/^(EACCES|EPERM)$/.test(code)) {
    return new ImageStreamError('MirrorForbidden', `${path} may not be read`, options);
  }
  return new ImageStreamError('MirrorError', `${path} cannot be read (${code})`, options);
}
