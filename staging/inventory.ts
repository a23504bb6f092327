import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DIGEST_ALGORITHMS } from './digest.js';
import { ifThere, readJson, remove } from './disk.js';
import { parseEntry, type Layout } from './layout.js';
import { Lease } from './lease.js';
import { partFactsSchema } from './part-file.js';
import type { Digest } from './types.js';

/** How long a temporary file may be somebody's work; what is older, a crash left. */
const TEMPORARY_MS = 60 * 60 * 1000;

/** Something that takes space. `lastUsed` is in milliseconds since 1970; 0 means released. */
export interface Holding {
  kind: 'whole' | 'part' | 'document';
  digest: Digest;
  bytes: number;
  /** Bytes that a running download will still add. */
  promised: number;
  lastUsed: number;
  /** Somebody reads or writes it now. */
  busy: boolean;
}

/** Walks the staging folder. Removes what a crash left on the way: old temporary files and pins of the dead. */
export async function takeInventory(layout: Layout, staleMs: number): Promise<Holding[]> {
  const holdings: Holding[] = [];
  for (const algorithm of DIGEST_ALGORITHMS) {
    const folder = layout.folder(algorithm);
    const busy = new Set<string>();
    const found: { hex: string; kind: 'whole' | 'part' }[] = [];
    for (const name of await readdir(folder)) {
      const entry = parseEntry(name);
      const path = join(folder, name);
      if (!entry || entry.kind === 'temporary') await removeOld(path);
      else if (entry.kind === 'whole' || entry.kind === 'part')
        found.push({ hex: entry.hex, kind: entry.kind });
      else if (entry.kind === 'lease' || entry.kind === 'pin') {
        if (await Lease.isHeld(path, staleMs)) busy.add(entry.hex);
        else if (entry.kind === 'pin') await remove(path);
      }
    }
    for (const { hex, kind } of found) {
      const digest: Digest = { algorithm, hex };
      const held = busy.has(hex);
      const holding =
        kind === 'whole' ? await wholeHolding(layout, digest, held) : await partHolding(layout, digest, held);
      if (holding) holdings.push(holding);
    }
  }
  for (const name of await readdir(layout.documents)) {
    const entry = parseEntry(name);
    const path = join(layout.documents, name);
    const facts = await ifThere(stat(path));
    if (entry?.kind !== 'whole' || !facts) await removeOld(path);
    else {
      const digest: Digest = { algorithm: 'sha256', hex: entry.hex };
      const { size: bytes, mtimeMs: lastUsed } = facts;
      holdings.push({ kind: 'document', digest, bytes, promised: 0, lastUsed, busy: false });
    }
  }
  return holdings;
}

async function wholeHolding(layout: Layout, digest: Digest, busy: boolean): Promise<Holding | undefined> {
  const facts = await ifThere(stat(layout.whole(digest)));
  if (!facts) return undefined;
  const used = await ifThere(stat(layout.facts(digest)));
  const lastUsed = used?.mtimeMs ?? facts.mtimeMs;
  return { kind: 'whole', digest, bytes: facts.size, promised: 0, lastUsed, busy };
}

async function partHolding(layout: Layout, digest: Digest, busy: boolean): Promise<Holding | undefined> {
  const facts = await ifThere(stat(layout.part(digest)));
  if (!facts) return undefined;
  const known = partFactsSchema.safeParse(await readJson(layout.partFacts(digest))).data;
  const promised = busy && known ? Math.max(0, known.size - facts.size) : 0;
  return { kind: 'part', digest, bytes: facts.size, promised, lastUsed: facts.mtimeMs, busy };
}

async function removeOld(path: string): Promise<void> {
  const facts = await ifThere(stat(path));
  if (facts?.isFile() && Date.now() - facts.mtimeMs > TEMPORARY_MS) await remove(path);
}
