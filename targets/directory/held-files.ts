import type { Stats } from 'node:fs';
import { appendFile, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Digest } from '../../contracts/sync.js';
import { hasCode } from '../../staging/index.js';
import type { MirrorFolder } from './mirror-folder.js';

/** Content id, product, version and item: what a file was placed for. */
export type Identity = readonly [contentId: string, product: string, version: string, item: string];

/** A file of the mirror as we placed or adopted it. */
export interface HeldFile {
  path: string;
  /** Bytes; -1 where nobody compared them yet, as with what sstream-mirror placed. */
  size: number;
  /** Milliseconds since 1970: together with the size it tells whether somebody changed the file. */
  mtimeMs: number;
  digest: Digest;
  items: Identity[];
}

/** Whether a file is as it was when its bytes were compared, by its size and time. */
export function isSound({ size, mtimeMs }: HeldFile, facts: Stats | undefined): boolean {
  return facts?.size === size && facts.mtimeMs === mtimeMs;
}

const JOURNAL = 'held.jsonl';
const MAX_JOURNAL = 512 * 1024 * 1024;

const digest = z.object({
  algorithm: z.enum(['sha512', 'sha256', 'md5']),
  hex: z.string().regex(/^[0-9a-f]*$/),
});
const name = z.string();
const line = z.object({
  path: name,
  size: z.int().min(-1),
  mtimeMs: z.number(),
  digest,
  items: z.array(z.tuple([name, name, name, name])),
});

/**
 * What a folder holds, as a journal of one line a file: a line is appended when a file is placed, so that a crash costs at most one,
 * and the whole is written anew when a run ends. A line that is cut or strange is left out: its file is looked at again.
 */
export class HeldFiles {
  private constructor(
    private readonly journal: string,
    private readonly files: Map<string, HeldFile>,
    /** False where no run of ours has been yet. */
    readonly begun: boolean,
  ) {}

  static async load(folder: MirrorFolder): Promise<HeldFiles> {
    const journal = folder.own(JOURNAL);
    const text = await readJournal(journal);
    const files = new Map<string, HeldFile>();
    for (const one of (text ?? '').split('\n')) {
      const held = parseLine(one);
      if (held) files.set(held.path, merged(files.get(held.path), held));
    }
    return new HeldFiles(journal, files, text !== undefined);
  }

  get(path: string): HeldFile | undefined {
    return this.files.get(path);
  }

  all(): HeldFile[] {
    return [...this.files.values()];
  }

  /** Notes a file that was placed, durably. */
  async add(held: HeldFile): Promise<void> {
    this.files.set(held.path, merged(this.files.get(held.path), held));
    await appendFile(this.journal, `${JSON.stringify(held)}\n`, { mode: 0o644 });
  }

  /** Writes the journal anew with these files alone. */
  async rewrite(files: readonly HeldFile[]): Promise<void> {
    const temporary = `${this.journal}.new`;
    const text = files.map((held) => `${JSON.stringify(line.parse(held))}\n`).join('');
    await writeFile(temporary, text, { mode: 0o644, flush: true });
    await rename(temporary, this.journal);
    this.files.clear();
    for (const held of files) this.files.set(held.path, held);
  }
}

/** A file that was placed again has new facts, and is there for the items of both. */
function merged(before: HeldFile | undefined, now: HeldFile): HeldFile {
  if (!before) return now;
  const known = new Map([...before.items, ...now.items].map((item) => [JSON.stringify(item), item]));
  return { ...now, items: [...known.values()] };
}

async function readJournal(path: string): Promise<string | undefined> {
  try {
    if ((await stat(path)).size > MAX_JOURNAL) return undefined;
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function parseLine(text: string): HeldFile | undefined {
  if (text === '') return undefined;
  try {
    return line.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
