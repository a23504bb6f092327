import { randomUUID } from 'node:crypto';
import { access, constants, link, open, readFile, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { ImageStreamError } from '../contracts/errors.js';
import { checkDigest, digestText } from './digest.js';
import {
  hasCode,
  hashFile,
  ifReadable,
  ifThere,
  isDiskFull,
  onDisk,
  pause,
  readJson,
  remove,
  sizeOf,
} from './disk.js';
import { getDocument, putDocument, touch } from './documents.js';
import { Layout } from './layout.js';
import { Lease } from './lease.js';
import { makeFolder } from './make-folder.js';
import { demoteUnverified, PartFile } from './part-file.js';
import { pinFile, readerOver, type PinnedFile } from './reader.js';
import { Space } from './space.js';
import { transfer } from './transfer.js';
import type {
  Digest,
  DownloadedFile,
  DownloadRequest,
  StagedFile,
  StagedReader,
  StagingOptions,
  StagingUsage,
  VerifyOptions,
} from './types.js';

const LEASE_STALE_MS = 15_000;
const HOLD_MS = 60_000;
const BUSY_POLL_MS = 100;

const factsSchema = z.object({
  size: z.number().int().nonnegative(),
  digests: z.object({ md5: z.string(), sha256: z.string(), sha512: z.string() }),
});

/**
 * Content-addressed files on disk. Several processes, also on several hosts, may share one folder. Every failure is an
 * ImageStreamError, except an abort, which is the signal's own reason.
 */
export class Staging {
  /** Names the folder: the same for every worker that shares the volume, and after a restart. */
  readonly id: string;
  readonly #layout: Layout;
  readonly #space: Space;
  readonly #leaseStaleMs: number;

  private constructor(id: string, layout: Layout, space: Space, leaseStaleMs: number) {
    this.id = id;
    this.#layout = layout;
    this.#space = space;
    this.#leaseStaleMs = leaseStaleMs;
  }

  /** @throws {ImageStreamError} StagingUnwritable, StagingFull */
  static async open(options: StagingOptions): Promise<Staging> {
    const { root, budgetBytes, leaseStaleMs = LEASE_STALE_MS, holdMs = HOLD_MS } = options;
    const layout = new Layout(root);
    const id = await onDisk(root, async () => {
      for (const folder of layout.folders()) await makeFolder(folder).catch(refuseOddPlace);
      await proveWritable(layout);
      return readOrMakeId(layout.id);
    });
    return new Staging(id, layout, new Space(layout, { budgetBytes, leaseStaleMs, holdMs }), leaseStaleMs);
  }

  /**
   * The whole, verified file of that digest; undefined when there is none, or one of another size. Counts as a use.
   * @throws {ImageStreamError} ItemInvalid when the digest is malformed
   */
  async find(digest: Digest, size?: number): Promise<StagedFile | undefined> {
    const path = this.#layout.whole(digest);
    return onDisk(path, async () => {
      const facts = factsSchema.safeParse(await readJson(this.#layout.facts(digest))).data;
      const matches = facts?.digests[digest.algorithm] === digest.hex && (size ?? facts.size) === facts.size;
      if (!facts || !matches || (await sizeOf(path)) !== facts.size) return undefined;
      if ((await ifReadable(access(path, constants.R_OK).then(() => true))) === undefined) return undefined;
      await touch(this.#layout.facts(digest));
      return { path, ...facts };
    });
  }

  /**
   * Brings the file into staging and verifies it, going on from the bytes that are there. While another worker does the same
   * it waits, until `signal` aborts, and then finds it whole.
   * @throws {ImageStreamError} StagingTooSmall, StagingFull, StagingUnwritable, StagingBusy (the lease was lost),
   * ChecksumMismatch, SizeMismatch, and what `open` throws
   */
  async download(request: DownloadRequest): Promise<DownloadedFile> {
    const { digest, size, source } = request;
    checkDigest(digest);
    checkSize(size, source);
    this.#space.checkFits(size, source);
    return this.#withRoom(() => this.#bring(request));
  }

  async #bring(request: DownloadRequest): Promise<DownloadedFile> {
    const { digest, size, signal } = request;
    for (;;) {
      signal.throwIfAborted();
      const found = await this.find(digest, size);
      if (found) return { ...found, fetchedBytes: 0, resumedFrom: size };
      const lease = await Lease.tryTake(this.#layout.lease(digest), this.#leaseStaleMs);
      if (lease) {
        try {
          return await this.#fill(request, lease);
        } finally {
          await lease.release();
        }
      }
      await this.#reportOther(request);
      await pause(BUSY_POLL_MS, signal);
    }
  }

  /**
   * Reads the file from the disk again and compares it with its digest: a flipped byte is found.
   * @throws {ImageStreamError} StagingLost when it is not there, SizeMismatch, ChecksumMismatch (it is removed)
   */
  async verify(digest: Digest, size: number, options: VerifyOptions): Promise<StagedFile> {
    const { signal, onProgress } = options;
    const pinned = await this.#pin(digest);
    try {
      const { path, size: held } = pinned.file;
      if (held !== size) {
        const message = `the staged ${digestText(digest)} has ${held} bytes and not ${size}`;
        throw new ImageStreamError('SizeMismatch', message, { details: { expected: size, actual: held } });
      }
      const digests = await onDisk(path, () =>
        hashFile(pinned.handle, size, signal, (offset) => {
          onProgress?.({ stage: 'verify', offset, total: size, resumedFrom: size });
        }),
      );
      if (digests[digest.algorithm] === digest.hex) return { path, size, digests };
      await onDisk(path, () => this.#space.removeWhole(digest));
      const message = `the staged file ${path} changed on disk: it is no longer ${digestText(digest)}`;
      throw new ImageStreamError('ChecksumMismatch', message, {
        details: { path, expected: digest.hex, actual: digests[digest.algorithm] },
      });
    } finally {
      await pinned.release();
    }
  }

  /**
   * Opens the file for reading and keeps it from eviction until `release`. An abort destroys the stream.
   * @throws {ImageStreamError} StagingLost when it is not there
   */
  async openRead(digest: Digest, options: { signal: AbortSignal }): Promise<StagedReader> {
    options.signal.throwIfAborted();
    return readerOver(await this.#pin(digest), options.signal);
  }

  /** Keeps an index or products document by its sha256. */
  async putDocument(bytes: Uint8Array): Promise<Digest> {
    return this.#withRoom(() => putDocument(this.#layout, bytes));
  }

  /** The document of that sha256, compared with it again; undefined when it is not there whole. */
  async getDocument(digest: Digest): Promise<Uint8Array | undefined> {
    return getDocument(this.#layout, digest);
  }

  /** Says that this worker needs the file no more: it stays until space is wanted, and then goes first. */
  async release(digest: Digest): Promise<void> {
    const path = this.#layout.facts(digest);
    await onDisk(path, () => touch(path, 'released'));
  }

  /** Removes the whole file. False, and nothing happens, while somebody reads it. */
  async evict(digest: Digest): Promise<boolean> {
    return onDisk(this.#layout.whole(digest), () => this.#space.evict(digest));
  }

  /** Walks the folder and counts. */
  async usage(): Promise<StagingUsage> {
    return onDisk(this.#layout.root, () => this.#space.usage());
  }

  /** Once more after making room, where the disk was full, perhaps of our own files, before anything could be reserved. */
  async #withRoom<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!isDiskFull(error) || !(await onDisk(this.#layout.root, () => this.#space.relieve()))) throw error;
      return work();
    }
  }

  #pin(digest: Digest): Promise<PinnedFile> {
    return pinFile(this.#layout, digest, this.#leaseStaleMs, () => this.find(digest));
  }

  async #fill(request: DownloadRequest, lease: Lease): Promise<DownloadedFile> {
    const { digest, size, source, signal } = request;
    // The one before us may have finished between our look and our lease.
    const found = await this.find(digest, size);
    if (found) return { ...found, fetchedBytes: 0, resumedFrom: size };
    await onDisk(this.#layout.whole(digest), () => demoteUnverified(this.#layout, digest, size));
    const part = await PartFile.open(this.#layout, digest, size, lease);
    try {
      await this.#space.reserve(digest, size - part.offset, () => part.claim(size, source), signal);
      const { digests, ...counts } = await transfer(part, request, lease.fromSilentHolder);
      await part.finish(size, digests);
      return { path: this.#layout.whole(digest), size, digests, ...counts };
    } finally {
      await part.close();
    }
  }

  /** While another worker downloads, its bytes on disk are the progress. */
  async #reportOther({ digest, size, onProgress }: DownloadRequest): Promise<void> {
    if (!onProgress) return;
    const offset = await ifThere(sizeOf(this.#layout.part(digest)));
    if (offset !== undefined) onProgress({ stage: 'download', offset, total: size, resumedFrom: 0 });
  }
}

function checkSize(size: number, source: string): void {
  if (Number.isSafeInteger(size) && size >= 0) return;
  throw new ImageStreamError('ItemInvalid', `${source} has no usable size: ${size}`, {
    details: { url: source },
  });
}

/** ENOENT says here that no folder can be made at that place, and not that something of staging was lost. */
function refuseOddPlace(error: unknown): never {
  if (!hasCode(error, 'ENOENT')) throw error;
  throw new ImageStreamError(
    'StagingUnwritable',
    `the staging folder cannot be made: ${error instanceof Error ? error.message : ''}`,
    { cause: error },
  );
}

async function proveWritable(layout: Layout): Promise<void> {
  const probe = `${layout.id}.tmp-${randomUUID()}`;
  await (await open(probe, 'wx')).close();
  await remove(probe);
}

/** The first worker on a volume names it; link fails where another was quicker, and never shows a half-written name. */
async function readOrMakeId(path: string): Promise<string> {
  const temporary = `${path}.tmp-${randomUUID()}`;
  const text = await ifThere(readFile(path, 'utf8'));
  if (text === undefined) {
    await writeFile(temporary, `${randomUUID()}\n`, { flag: 'wx' });
    await link(temporary, path).catch((error: unknown) => {
      if (!hasCode(error, 'EEXIST')) throw error;
    });
    await remove(temporary);
  }
  const known = z.uuid().safeParse((text ?? (await readFile(path, 'utf8'))).trim());
  if (known.success) return known.data;
  throw new ImageStreamError('StagingUnwritable', `${path} holds no uuid; remove it when no worker runs`);
}
