import { readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { ImageStreamError } from '../contracts/errors.js';
import { onDisk, pause, remove } from './disk.js';
import { takeInventory, type Holding } from './inventory.js';
import { parseEntry, type Layout } from './layout.js';
import { Lease } from './lease.js';
import type { Digest, StagingUsage } from './types.js';

/** A count this fresh is trusted while it leaves room, so that many small files do not walk the folder each. */
const COUNT_MS = 5000;
/** Eviction frees this share of the budget beyond what is asked, for the same reason. */
const SLACK = 0.05;
const FULL_RETRY_MS = 5000;
/** What leases, sidecars and documents take besides the files themselves. */
const BESIDES_BYTES = 64 * 1024;
/** Enough for leases, sidecars and documents, so that there can be a reservation at all. */
const RELIEF_BYTES = 1024 * 1024;

export interface SpaceRules {
  budgetBytes: number | undefined;
  leaseStaleMs: number;
  holdMs: number;
}

/** Keeps the folder within its budget: space is promised before the first byte of a file moves. */
export class Space {
  readonly #layout: Layout;
  readonly #rules: SpaceRules;
  /** What the folder held when last counted, and what this process was promised since. */
  #counted: { bytes: number; at: number } | undefined;

  constructor(layout: Layout, rules: SpaceRules) {
    this.#layout = layout;
    this.#rules = rules;
  }

  /** @throws {ImageStreamError} StagingTooSmall when it could never fit */
  checkFits(size: number, source: string): void {
    const { budgetBytes } = this.#rules;
    if (budgetBytes === undefined || size <= budgetBytes) return;
    const message = `${source} has ${size} bytes, more than the whole staging budget of ${budgetBytes}`;
    throw new ImageStreamError('StagingTooSmall', message, { details: { url: source, size, budgetBytes } });
  }

  /**
   * Makes room for `need` more bytes and runs `claim`, which writes down on disk that they are taken.
   * @throws {ImageStreamError} StagingFull when what is not in use is too little, StagingTooSmall when the disk is
   */
  async reserve(
    digest: Digest,
    need: number,
    claim: () => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const { budgetBytes } = this.#rules;
    const { root } = this.#layout;
    const free = await this.#freeOnDisk();
    const counted = this.#counted;
    const fresh = counted !== undefined && performance.now() - counted.at < COUNT_MS;
    if (need <= free && (budgetBytes === undefined || (fresh && counted.bytes + need <= budgetBytes))) {
      if (counted) counted.bytes += need;
      return claim();
    }
    if (need > free) await this.#checkDisk(need);
    const lease = await this.#lock(signal);
    try {
      await onDisk(root, async () => {
        const holdings = await takeInventory(this.#layout, this.#rules.leaseStaleMs);
        // What was promised to this file before is what it asks for again.
        const own = (holding: Holding) => holding.digest.hex === digest.hex;
        const held = holdings.reduce(
          (sum, holding) => sum + holding.bytes + (own(holding) ? 0 : holding.promised),
          0,
        );
        const over = Math.max(
          budgetBytes === undefined ? 0 : held + need - budgetBytes,
          need - (await this.#freeOnDisk()),
        );
        const evicted = over > 0 ? await this.#evictSome(holdings, over, digest) : 0;
        await claim();
        this.#counted = { bytes: held - evicted + need, at: performance.now() };
      });
    } finally {
      await lease.release();
    }
  }

  /** Frees some room on a full disk by files that nobody uses, without writing anything. Whether there were any. */
  async relieve(): Promise<boolean> {
    const holdings = await takeInventory(this.#layout, this.#rules.leaseStaleMs);
    let freed = 0;
    for (const holding of this.#evictable(holdings)) {
      await this.#remove(holding);
      freed += holding.bytes;
      if (freed >= RELIEF_BYTES) break;
    }
    return freed > 0;
  }

  async usage(): Promise<StagingUsage> {
    const holdings = await takeInventory(this.#layout, this.#rules.leaseStaleMs);
    const of = (kind: Holding['kind']) => holdings.filter((holding) => holding.kind === kind);
    const bytes = (kind: Holding['kind']) => of(kind).reduce((sum, holding) => sum + holding.bytes, 0);
    return {
      wholeFiles: of('whole').length,
      wholeBytes: bytes('whole'),
      partFiles: of('part').length,
      partBytes: bytes('part'),
      documents: of('document').length,
      documentBytes: bytes('document'),
      reservedBytes: holdings.reduce((sum, holding) => sum + holding.promised, 0),
      budgetBytes: this.#rules.budgetBytes,
    };
  }

  /** Removes the whole file of that digest. False when somebody reads it. */
  async evict(digest: Digest): Promise<boolean> {
    const { algorithm, hex } = digest;
    const names = await readdir(this.#layout.folder(algorithm));
    for (const name of names) {
      const entry = parseEntry(name);
      if (entry?.hex !== hex || entry.kind !== 'pin') continue;
      const pin = join(this.#layout.folder(algorithm), name);
      if (await Lease.isHeld(pin, this.#rules.leaseStaleMs)) return false;
    }
    await this.removeWhole(digest);
    return true;
  }

  /** Facts first: without them nobody takes the file for whole. */
  async removeWhole(digest: Digest): Promise<void> {
    await remove(this.#layout.facts(digest));
    await remove(this.#layout.whole(digest));
  }

  async #evictSome(holdings: Holding[], over: number, keep: Digest): Promise<number> {
    const candidates = this.#evictable(holdings, keep);
    const possible = candidates.reduce((sum, { bytes }) => sum + bytes, 0);
    if (possible < over) {
      const message = `staging lacks ${over - possible} bytes: everything else in it is in use`;
      const details = { path: this.#layout.root, lacking: over - possible };
      throw new ImageStreamError('StagingFull', message, { details, retryAfterMs: FULL_RETRY_MS });
    }
    const wanted = over + (this.#rules.budgetBytes ?? 0) * SLACK;
    let freed = 0;
    for (const holding of candidates) {
      // Beyond what is needed only small files, and never an unfinished download.
      if (freed >= over && (holding.kind === 'part' || freed + holding.bytes > wanted)) break;
      await this.#remove(holding);
      freed += holding.bytes;
    }
    return freed;
  }

  /** Least recently used first, what was released before that, and unfinished files last. */
  #evictable(holdings: Holding[], keep?: Digest): Holding[] {
    const before = Date.now() - this.#rules.holdMs;
    const isPart = (holding: Holding) => (holding.kind === 'part' ? 1 : 0);
    return holdings
      .filter(({ busy, lastUsed, digest }) => !busy && lastUsed <= before && digest.hex !== keep?.hex)
      .sort((a, b) => isPart(a) - isPart(b) || a.lastUsed - b.lastUsed);
  }

  async #remove({ kind, digest }: Holding): Promise<void> {
    if (kind === 'document') return remove(this.#layout.document(digest.hex));
    if (kind === 'whole') return this.removeWhole(digest);
    await remove(this.#layout.partFacts(digest));
    await remove(this.#layout.part(digest));
  }

  async #freeOnDisk(): Promise<number> {
    const { root } = this.#layout;
    const { bavail, bsize } = await onDisk(root, () => statfs(root));
    return Math.max(0, bavail * bsize - BESIDES_BYTES);
  }

  /** Waiting for space helps nobody where the whole disk is too small. */
  async #checkDisk(need: number): Promise<void> {
    const { root } = this.#layout;
    const { blocks, bsize } = await onDisk(root, () => statfs(root));
    if (need <= blocks * bsize) return;
    throw new ImageStreamError(
      'StagingTooSmall',
      `a download needs ${need} bytes, more than the whole disk of the staging folder has`,
      { hint: 'Put staging.path on a larger disk.', details: { path: root, need } },
    );
  }

  async #lock(signal: AbortSignal): Promise<Lease> {
    for (;;) {
      signal.throwIfAborted();
      const lease = await Lease.tryTake(this.#layout.spaceLease, this.#rules.leaseStaleMs);
      if (lease) return lease;
      await pause(20, signal);
    }
  }
}
