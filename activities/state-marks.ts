import { randomUUID } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ImageStreamError } from '../contracts/errors.js';
import type { SourceMark } from '../contracts/sync.js';
import { makeFolder } from '../staging/index.js';
import { sourceMarkSchema } from '../targets/source-mark.js';

/** The marks of mirrors in the state folder of this host: `sources/<mirror>.json`. */
export class StateMarks {
  constructor(private readonly stateFolder: string) {}

  /** Undefined where there is none that can be read: the published index has one as well. */
  async read(mirror: string): Promise<SourceMark | undefined> {
    try {
      return sourceMarkSchema.safeParse(JSON.parse(await readFile(this.file(mirror), 'utf8'))).data;
    } catch {
      return undefined;
    }
  }

  /** @throws {ImageStreamError} StateUnwritable */
  async write(mirror: string, mark: SourceMark): Promise<void> {
    const file = this.file(mirror);
    const draft = `${file}.${randomUUID()}`;
    try {
      await makeFolder(join(this.stateFolder, 'sources'), 0o700);
      await writeFile(draft, `${JSON.stringify(mark, null, 1)}\n`, { mode: 0o600, flush: true });
      await rename(draft, file);
    } catch (cause) {
      const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown reason';
      throw new ImageStreamError('StateUnwritable', `${file} cannot be written (${reason})`, { cause });
    }
  }

  private file(mirror: string): string {
    return join(this.stateFolder, 'sources', `${mirror}.json`);
  }
}
