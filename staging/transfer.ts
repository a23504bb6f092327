import { ImageStreamError } from '../contracts/errors.js';
import { digestText, FileHasher } from './digest.js';
import { hashFile, onDisk } from './disk.js';
import type { PartFile } from './part-file.js';
import type { DownloadRequest, FileDigests, OpenedRange, Validator } from './types.js';

export interface TransferResult {
  digests: FileDigests;
  fetchedBytes: number;
  resumedFrom: number;
}

/**
 * Brings the part to its whole size and proves its digest. Bytes kept from earlier attempts, perhaps of other sources, are
 * a hint only: when the digest of a resumed file is wrong, it is fetched once more from its first byte.
 * @throws {ImageStreamError} ChecksumMismatch, SizeMismatch (the part is gone), MirrorError and others of the source, disk errors
 * (the part is kept)
 */
export async function transfer(
  part: PartFile,
  request: DownloadRequest,
  trustNothing: boolean,
): Promise<TransferResult> {
  const { digest } = request;
  const first = await attempt(part, request, trustNothing);
  if (first.digests[digest.algorithm] === digest.hex) return first;
  if (first.resumedFrom === 0) return refuse(part, request, first.digests);

  await part.startOver();
  const again = await attempt(part, request, trustNothing);
  if (again.digests[digest.algorithm] !== digest.hex) return refuse(part, request, again.digests);
  return { ...again, fetchedBytes: first.fetchedBytes + again.fetchedBytes };
}

async function refuse(part: PartFile, request: DownloadRequest, digests: FileDigests): Promise<never> {
  await part.drop();
  const { digest, source } = request;
  const got = digests[digest.algorithm];
  throw new ImageStreamError('ChecksumMismatch', `${source} has ${got} and not ${digestText(digest)}`, {
    details: { url: source, expected: digest.hex, actual: got, algorithm: digest.algorithm },
  });
}

async function attempt(
  part: PartFile,
  request: DownloadRequest,
  trustNothing: boolean,
): Promise<TransferResult> {
  const { size, signal, onProgress } = request;
  let fetched: Fetched = { bytes: 0, resumedFrom: part.offset, hasher: undefined };
  if (part.offset < size) fetched = await fetchRest(part, request);
  await part.settle();

  const { resumedFrom } = fetched;
  // In one pass where every byte went through our hands, otherwise from the disk.
  const digests =
    fetched.hasher && !trustNothing
      ? fetched.hasher.digests()
      : await onDisk(part.path, () =>
          hashFile(part.handle, size, signal, (offset) => {
            onProgress?.({ stage: 'verify', offset, total: size, resumedFrom });
          }),
        );
  return { digests, fetchedBytes: fetched.bytes, resumedFrom };
}

interface Fetched {
  bytes: number;
  resumedFrom: number;
  /** Of the whole file, when all of it was fetched. */
  hasher: FileHasher | undefined;
}

async function fetchRest(part: PartFile, request: DownloadRequest): Promise<Fetched> {
  const { size, source, signal, onProgress } = request;
  const opened = await openAt(part, request);
  try {
    const { offset, validator } = opened.range;
    await part.note({ source, size, validator });
    const hasher = offset === 0 ? new FileHasher() : undefined;
    const report = () =>
      onProgress?.({ stage: 'download', offset: part.offset, total: size, resumedFrom: offset });
    report();

    let bytes = 0;
    for await (const chunk of opened.range.body) {
      signal.throwIfAborted();
      bytes += chunk.byteLength;
      if (offset + bytes > size) {
        await part.drop();
        throw wrongSize(source, size, `sends more than that`);
      }
      hasher?.update(chunk);
      if (await part.append(chunk)) report();
    }
    signal.throwIfAborted();
    await part.write();
    report();
    if (part.offset < size) {
      const message = `${source} ended after ${part.offset} of ${size} bytes`;
      throw new ImageStreamError('MirrorError', message, { details: { url: source, offset: part.offset } });
    }
    return { bytes, resumedFrom: offset, hasher };
  } finally {
    opened.stop();
  }
}

interface Opened {
  range: OpenedRange;
  stop(): void;
}

/** Opens where the part ends, or at 0 when the answer does not continue the very bytes held. */
async function openAt(part: PartFile, request: DownloadRequest): Promise<Opened> {
  const { size, source } = request;
  const known = part.validatorOf(source);
  let opened = await openOnce(request, part.offset, known);
  const { range } = opened;
  const continues =
    range.offset === part.offset && fits(range.total, size) && sameVersion(known, range.validator);
  if (part.offset > 0 && !continues) {
    if (range.offset !== 0) {
      opened.stop();
      opened = await openOnce(request, 0, undefined);
    }
    if (opened.range.offset === 0 && fits(opened.range.total, size)) await part.startOver();
  }
  if (!fits(opened.range.total, size)) {
    opened.stop();
    // What another mirror gave may still be right.
    if (part.cameFrom(source)) await part.drop();
    throw wrongSize(source, size, `has ${opened.range.total}`);
  }
  if (opened.range.offset !== part.offset) {
    opened.stop();
    const message = `${source} answered from byte ${opened.range.offset} when asked for ${part.offset}`;
    throw new ImageStreamError('MirrorError', message, { details: { url: source } });
  }
  return opened;
}

// A body that is not read to its end is only let go by its signal.
async function openOnce(
  request: DownloadRequest,
  offset: number,
  validator: Validator | undefined,
): Promise<Opened> {
  const controller = new AbortController();
  const forward = () => controller.abort(request.signal.reason);
  const stop = () => {
    request.signal.removeEventListener('abort', forward);
    controller.abort();
  };
  request.signal.throwIfAborted();
  request.signal.addEventListener('abort', forward, { once: true });
  try {
    return { range: await request.open(offset, validator, controller.signal), stop };
  } catch (error) {
    stop();
    throw error;
  }
}

function fits(total: number | undefined, size: number): boolean {
  return total === undefined || total === size;
}

/** Whether nothing says that the source's file changed since the bytes held were fetched. */
function sameVersion(known: Validator | undefined, now: Validator): boolean {
  if (!known) return true;
  if (known.etag !== undefined && now.etag !== undefined) return known.etag === now.etag;
  if (known.lastModified !== undefined && now.lastModified !== undefined) {
    return known.lastModified === now.lastModified;
  }
  return true;
}

function wrongSize(source: string, size: number, what: string): ImageStreamError {
  const message = `${source} should have ${size} bytes but ${what}`;
  return new ImageStreamError('SizeMismatch', message, { details: { url: source, expected: size } });
}
