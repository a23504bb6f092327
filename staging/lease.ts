import { randomUUID } from 'node:crypto';
import { link, open, rename, stat, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { ImageStreamError } from '../contracts/errors.js';
import { hasCode, ifThere, onDisk, readJson, remove } from './disk.js';
import { knownToBeDead, ownIdentity, processIdentity } from './process-identity.js';

const holderSchema = processIdentity.extend({ owner: z.string() });
type Holder = z.infer<typeof holderSchema>;

/**
 * The right to write one file: a file beside it that names the owner, made with O_EXCL and renewed by writing it again, so
 * that its time is the file system's own and not that of some host's clock. Node has no flock, and a lock must also
 * outlive nobody: a holder that is dead, or silent for `staleMs`, is robbed.
 */
export class Lease {
  /** Whether the holder before may still be alive and merely silent: then nothing written meanwhile is trusted. */
  readonly fromSilentHolder: boolean;
  readonly #path: string;
  readonly #holder: Holder;
  readonly #handle: FileHandle;
  readonly #staleMs: number;
  readonly #timer: NodeJS.Timeout;
  #renewedAt = performance.now();
  #renewing: Promise<void> = Promise.resolve();

  private constructor(path: string, holder: Holder, handle: FileHandle, staleMs: number, silent: boolean) {
    this.#path = path;
    this.#holder = holder;
    this.#handle = handle;
    this.#staleMs = staleMs;
    this.fromSilentHolder = silent;
    this.#timer = setInterval(() => {
      this.#renewing = this.#renew();
    }, staleMs / 5);
    this.#timer.unref();
  }

  /** Takes the lease, from a dead or silent holder if need be; undefined while somebody else has it. */
  static async tryTake(path: string, staleMs: number): Promise<Lease | undefined> {
    return onDisk(path, async () => {
      const holder: Holder = { owner: randomUUID(), ...(await ownIdentity()) };
      let silent = false;
      for (;;) {
        const handle = await create(path, holder);
        if (handle) return new Lease(path, holder, handle, staleMs, silent);
        const verdict = await judge(path, staleMs);
        if (verdict === 'held') return undefined;
        if (verdict === 'gone') continue;
        silent ||= verdict.silent;
        if (!(await rob(path, verdict.owner))) return undefined;
      }
    });
  }

  /** Whether somebody has a live lease at `path`. */
  static async isHeld(path: string, staleMs: number): Promise<boolean> {
    return (await judge(path, staleMs)) === 'held';
  }

  /**
   * Asks the disk whether the lease is still ours. Called at each flush.
   * @throws {ImageStreamError} StagingBusy when it was taken over
   */
  async assertHeld(): Promise<void> {
    if ((await readHolder(this.#path))?.owner === this.#holder.owner) return;
    const message = `another worker took over ${this.#path} while this one was silent`;
    throw new ImageStreamError('StagingBusy', message, { details: { path: this.#path } });
  }

  /** True when renewal is late enough that another process may be robbing us: ask the disk before the next write. */
  get doubtful(): boolean {
    return performance.now() - this.#renewedAt > this.#staleMs / 2;
  }

  /** Never fails: a lease that cannot be removed, as on a disk gone read-only, goes stale by itself. */
  async release(): Promise<void> {
    clearInterval(this.#timer);
    await this.#renewing;
    try {
      const holder = await readHolder(this.#path);
      if (holder?.owner === this.#holder.owner) await remove(this.#path);
    } catch {
      // See above.
    } finally {
      await this.#handle.close().catch(() => undefined);
    }
  }

  // Written through the handle: once robbed, this reaches our old file and not the new holder's.
  async #renew(): Promise<void> {
    try {
      await this.#handle.write(JSON.stringify(this.#holder), 0);
      this.#renewedAt = performance.now();
    } catch {
      // A renewal that fails makes the lease doubtful; the next flush finds out what is true.
    }
  }
}

async function create(path: string, holder: Holder): Promise<FileHandle | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'wx');
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return undefined;
    throw error;
  }
  try {
    await handle.write(JSON.stringify(holder), 0);
    return handle;
  } catch (error) {
    await handle.close();
    await remove(path);
    throw error;
  }
}

async function readHolder(path: string): Promise<Holder | undefined> {
  return holderSchema.safeParse(await readJson(path)).data;
}

type Verdict = 'held' | 'gone' | { owner: string | undefined; silent: boolean };

async function judge(path: string, staleMs: number): Promise<Verdict> {
  const holder = await readHolder(path);
  const facts = await ifThere(stat(path));
  if (!facts) return 'gone';
  if (holder && (await knownToBeDead(holder))) return { owner: holder.owner, silent: false };
  const now = await fileSystemTime(dirname(path));
  return now - facts.mtimeMs > staleMs ? { owner: holder?.owner, silent: true } : 'held';
}

// Two may rob at once, and the slower would take the winner's fresh lease: it sees whose it took and gives it back.
async function rob(path: string, owner: string | undefined): Promise<boolean> {
  const taken = `${path}.stale-${randomUUID()}`;
  if ((await ifThere(rename(path, taken).then(() => true))) === undefined) return true;
  const mine = (await readHolder(taken))?.owner === owner;
  if (!mine) {
    await link(taken, path).catch((error: unknown) => {
      // Somebody was quicker still; the robbed one notices at its next flush.
      if (!hasCode(error, 'EEXIST')) throw error;
    });
  }
  await remove(taken);
  return mine;
}

// A shared volume has a clock of its own; a fresh file tells what it says now.
async function fileSystemTime(folder: string): Promise<number> {
  const probe = join(folder, `clock.tmp-${randomUUID()}`);
  try {
    const handle = await open(probe, 'wx');
    try {
      return (await handle.stat()).mtimeMs;
    } finally {
      await handle.close();
    }
  } catch {
    return Date.now();
  } finally {
    await remove(probe).catch(() => undefined);
  }
}
