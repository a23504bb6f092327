import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Victim } from './kept-process.js';
import { REPOSITORY, type Journal } from './place.js';
import { childrenOf, processFacts } from './process-table.js';

/** `all`: the leader and its workers; `leader` leaves them behind, still serving; one of the workers its leader starts again. */
export type Part = 'all' | 'leader' | 'worker';

const STARTS = 5;

/** `scripts/local-cloud` with words of its own. */
export async function localCloudCommand(...words: string[]): Promise<void> {
  await promisify(execFile)(join(REPOSITORY, 'scripts', 'local-cloud'), words, { maxBuffer: 2 ** 24 });
}

/** A service of the local cloud, killed by the pid that scripts/local-cloud keeps and started by that script. */
export class CloudService implements Victim {
  #back: Promise<void> | undefined;
  /** Starts that failed since it was last killed. */
  #failed = 0;
  /** Why it could not be started again. */
  readonly surprises: string[] = [];

  constructor(
    private readonly name: string,
    private readonly state: string,
    private readonly journal: Journal,
  ) {}

  async kill(pauseMs: number): Promise<boolean> {
    return this.killPart('all', pauseMs);
  }

  async killPart(part: Part, pauseMs: number): Promise<boolean> {
    const leader = this.#leader();
    if (leader === undefined) return false;
    if (part === 'worker') {
      const [worker] = childrenOf(leader);
      return worker !== undefined && process.kill(worker, 'SIGKILL');
    }
    process.kill(part === 'all' ? -leader : leader, 'SIGKILL');
    this.#failed = 0;
    this.#back ??= this.#startAgain(pauseMs).finally(() => (this.#back = undefined));
    return true;
  }

  isUp(): boolean {
    return this.#back === undefined;
  }

  async whenUp(): Promise<void> {
    while (this.#back) await this.#back;
  }

  /** The recorded pid, if the process of that number is the one that was started. */
  #leader(): number | undefined {
    let record: string;
    try {
      record = readFileSync(join(this.state, 'run', `${this.name}.pid`), 'utf8');
    } catch {
      return undefined;
    }
    const [pid = '', started] = record.trim().split(' ');
    return processFacts(Number(pid))?.started === started ? Number(pid) : undefined;
  }

  /** It may be killed again while it starts: then once more. */
  async #startAgain(pauseMs: number): Promise<void> {
    await sleep(pauseMs);
    for (;;) {
      try {
        await localCloudCommand('start', this.name);
        if (this.#leader() !== undefined) return;
      } catch (error) {
        this.#failed += 1;
        this.journal.say(`${this.name} did not start`);
        if (this.#failed >= STARTS) {
          this.surprises.push(`${this.name} could not be started again: ${String(error)}`);
          return;
        }
      }
    }
  }
}
