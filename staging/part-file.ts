import { constants } from 'node:fs';
import { open, rename, type FileHandle } from 'node:fs/promises';
import { z } from 'zod';
import { hasCode, onDisk, readJson, remove, sizeOf, syncFolderOf, writeAtomically } from './disk.js';
import type { Layout } from './layout.js';
import type { Lease } from './lease.js';
import type { Digest, FileDigests, Validator } from './types.js';

/** Bytes that are gathered before they are written at once. */
const GATHER_BYTES = 1024 * 1024;
/** A crash of the machine costs at most this much, or what arrived in this time. */
const FLUSH_BYTES = 8 * 1024 * 1024;
const FLUSH_MS = 1000;

/** What stands beside an unfinished file. `size` counts as reserved space while the lease lives. */
export const partFactsSchema = z.object({
  source: z.string(),
  size: z.number().int().nonnegative(),
  validator: z.object({ etag: z.string().optional(), lastModified: z.string().optional() }),
});
type PartFacts = z.infer<typeof partFactsSchema>;

/**
 * An unfinished file under a lease. `offset` is what the disk holds, never what somebody remembered.
 * Disk errors come out with the codes of `diskError`, the file kept.
 */
export class PartFile {
  readonly path: string;
  readonly #layout: Layout;
  readonly #digest: Digest;
  readonly #lease: Lease;
  readonly #handle: FileHandle;
  #facts: PartFacts | undefined;
  #offset: number;
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  #writing: Promise<void> = Promise.resolve();
  #flushedAt = performance.now();
  #flushedOffset: number;
  #flushing: Promise<void> | undefined;

  private constructor(layout: Layout, digest: Digest, lease: Lease, handle: FileHandle, offset: number) {
    this.path = layout.part(digest);
    this.#layout = layout;
    this.#digest = digest;
    this.#lease = lease;
    this.#handle = handle;
    this.#offset = offset;
    this.#flushedOffset = offset;
  }

  /** Opens what earlier attempts left of a file of `size` bytes; anything that does not fit is thrown away. */
  static async open(layout: Layout, digest: Digest, size: number, lease: Lease): Promise<PartFile> {
    const path = layout.part(digest);
    return onDisk(path, async () => {
      const handle = await openOwn(path);
      try {
        const { size: held } = await handle.stat();
        const part = new PartFile(layout, digest, lease, handle, held);
        part.#facts = partFactsSchema.safeParse(await readJson(layout.partFacts(digest))).data;
        if (part.#facts?.size !== size || held > size) await part.startOver();
        return part;
      } catch (error) {
        await handle.close();
        throw error;
      }
    });
  }

  /** Bytes on disk. */
  get offset(): number {
    return this.#offset;
  }

  get handle(): FileHandle {
    return this.#handle;
  }

  /** The validator that this source gave with the bytes held, if they came from it. */
  validatorOf(source: string): Validator | undefined {
    const facts = this.#facts;
    if (facts?.source !== source || this.#offset === 0) return undefined;
    const { etag, lastModified } = facts.validator;
    return { ...(etag !== undefined && { etag }), ...(lastModified !== undefined && { lastModified }) };
  }

  cameFrom(source: string): boolean {
    return this.#facts?.source === source;
  }

  /** Writes down where the bytes from here on come from, before the first of them. */
  async note(facts: PartFacts): Promise<void> {
    await onDisk(this.path, async () => {
      await writeAtomically(this.#layout.partFacts(this.#digest), JSON.stringify(facts));
      this.#facts = facts;
    });
  }

  /** Puts the size down, so that its space counts as taken from now on. */
  async claim(size: number, source: string): Promise<void> {
    if (this.#facts?.size !== size) await this.note({ source, size, validator: {} });
  }

  /** Throws away the bytes held. */
  async startOver(): Promise<void> {
    await onDisk(this.path, async () => {
      await this.#forget();
      await this.#lease.assertHeld();
      await this.#handle.truncate(0);
      this.#offset = 0;
      this.#flushedOffset = 0;
    });
  }

  /**
   * Takes the next bytes; true when `offset` has moved. One write runs beside the transfer, so that hashing and the
   * network go on meanwhile.
   */
  async append(chunk: Uint8Array): Promise<boolean> {
    this.#gathered.push(chunk);
    this.#gatheredBytes += chunk.byteLength;
    const waited = performance.now() - this.#flushedAt;
    if (this.#gatheredBytes < GATHER_BYTES && waited < FLUSH_MS) return false;
    await this.#writing;
    this.#writing = this.#writeGathered();
    // Whoever waits for it next gets the error; until then it is not an unhandled one.
    this.#writing.catch(() => undefined);
    if (this.#offset - this.#flushedOffset >= FLUSH_BYTES || waited >= FLUSH_MS) await this.#flush();
    return true;
  }

  /** Hands what was gathered to the disk. */
  async write(): Promise<void> {
    await this.#writing;
    await this.#writeGathered();
  }

  async #writeGathered(): Promise<void> {
    if (this.#gatheredBytes === 0) return;
    let left = this.#gathered;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    if (this.#lease.doubtful) await this.#lease.assertHeld();
    await onDisk(this.path, async () => {
      while (left.length > 0) {
        const { bytesWritten } = await this.#handle.writev(left, this.#offset);
        this.#offset += bytesWritten;
        left = without(left, bytesWritten);
      }
    });
  }

  async #forget(): Promise<void> {
    this.#gathered = [];
    this.#gatheredBytes = 0;
    await this.#writing.catch(() => undefined);
    await this.#flushing?.catch(() => undefined);
  }

  // One flush runs beside the transfer; a second one waits for it, so that a slow disk slows the mirror down.
  async #flush(): Promise<void> {
    await this.#flushing;
    this.#flushedAt = performance.now();
    this.#flushedOffset = this.#offset;
    const flushing = onDisk(this.path, async () => {
      await this.#handle.datasync();
      await this.#lease.assertHeld();
    });
    this.#flushing = flushing;
    flushing.catch(() => undefined);
  }

  /** Writes and syncs everything: after this a crash loses nothing. */
  async settle(): Promise<void> {
    await this.write();
    await this.#flush();
    await this.#flushing;
  }

  /** Makes it a whole file, verified: readers see it from here on. */
  async finish(size: number, digests: FileDigests): Promise<void> {
    await onDisk(this.path, async () => {
      await this.#lease.assertHeld();
      await writeAtomically(this.#layout.facts(this.#digest), JSON.stringify({ size, digests }));
      await rename(this.path, this.#layout.whole(this.#digest));
      await syncFolderOf(this.path);
      await remove(this.#layout.partFacts(this.#digest));
    });
  }

  /** Removes it: its bytes are not those that were asked for. */
  async drop(): Promise<void> {
    await onDisk(this.path, async () => {
      await this.#forget();
      await this.#lease.assertHeld();
      await remove(this.path);
      await remove(this.#layout.partFacts(this.#digest));
    });
  }

  /** Keeps what was gathered, as far as the disk takes it, and closes. */
  async close(): Promise<void> {
    try {
      await this.write().catch(() => undefined);
      await this.#flushing?.catch(() => undefined);
    } finally {
      await this.#handle.close();
    }
  }
}

/** Opens the file for writing. What another user left and we may not write is no use to us: a new one takes its place. */
async function openOwn(path: string): Promise<FileHandle> {
  const mode = constants.O_RDWR | constants.O_CREAT;
  try {
    return await open(path, mode, 0o644);
  } catch (error) {
    if (!hasCode(error, 'EACCES', 'EPERM')) throw error;
    await remove(path);
    return open(path, mode, 0o644);
  }
}

/**
 * A whole file without its facts is what a crash between two renames leaves. It becomes a complete part again, whose digest
 * is then computed.
 */
export async function demoteUnverified(layout: Layout, digest: Digest, size: number): Promise<void> {
  const held = await sizeOf(layout.whole(digest));
  if (held !== size || (await sizeOf(layout.facts(digest))) !== undefined) return;
  const facts: PartFacts = { source: '', size, validator: {} };
  await writeAtomically(layout.partFacts(digest), JSON.stringify(facts));
  await rename(layout.whole(digest), layout.part(digest));
}

function without(chunks: Uint8Array[], bytes: number): Uint8Array[] {
  let skip = bytes;
  let first = 0;
  for (const chunk of chunks) {
    if (skip < chunk.byteLength) break;
    skip -= chunk.byteLength;
    first += 1;
  }
  const rest = chunks.slice(first);
  const head = rest[0];
  if (head && skip > 0) rest[0] = head.subarray(skip);
  return rest;
}
