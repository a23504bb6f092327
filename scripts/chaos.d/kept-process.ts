import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { until, type Journal } from './place.js';

/** What is killed and comes back. */
export interface Victim {
  /** SIGKILL, and a start after the pause; false where there was nothing to kill just now. */
  kill(pauseMs: number): Promise<boolean>;
  isUp(): boolean;
  /** Until it serves. @throws after some minutes */
  whenUp(): Promise<void>;
}

export interface KeptOptions {
  name: string;
  /** Asked anew at each start. */
  command: () => [program: string, args: string[], env: NodeJS.ProcessEnv];
  /** A line of its output that says that it serves. */
  readyLine: RegExp;
}

/** Milliseconds that a process gets to end in order. */
const GRACE = 30_000;

/** A process that is started again whenever it ends, as a service manager does. */
export class KeptProcess implements Victim {
  /** Ends that nobody asked for, after it had been ready. */
  readonly surprises: string[] = [];
  starts = 0;
  #child: ChildProcess | undefined;
  #up = false;
  #killed = false;
  #pauseMs = 0;
  #stopping = false;
  #kept: Promise<void> = Promise.resolve();

  constructor(
    private readonly options: KeptOptions,
    private readonly journal: Journal,
  ) {}

  async start(): Promise<void> {
    this.#kept = this.#keep();
    await this.whenUp();
  }

  async kill(pauseMs: number): Promise<boolean> {
    const child = this.#child;
    if (!child) return false;
    this.#killed = true;
    this.#up = false;
    this.#pauseMs = pauseMs;
    return child.kill('SIGKILL');
  }

  isUp(): boolean {
    return this.#up;
  }

  async whenUp(): Promise<void> {
    await until(this.options.name, 300, async () => this.#up);
  }

  /** For good: SIGTERM, and SIGKILL where that is not enough, which is told as a surprise. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#child?.kill('SIGTERM');
    const force = setTimeout(() => {
      this.surprises.push(`${this.options.name} did not end within ${GRACE / 1000} s of SIGTERM`);
      this.#child?.kill('SIGKILL');
    }, GRACE);
    await this.#kept;
    clearTimeout(force);
  }

  async #keep(): Promise<void> {
    while (!this.#stopping) {
      this.#killed = false;
      this.#pauseMs = 500;
      const wasUp = await this.#once();
      if (wasUp !== undefined && !this.#killed && !this.#stopping) {
        this.surprises.push(`${this.options.name} ended by itself (${wasUp})`);
        this.journal.say(`${this.options.name} ended by itself: ${wasUp}`);
      }
      if (!this.#stopping) await sleep(this.#pauseMs);
    }
  }

  /** Runs it once; answers how it ended where it had been ready. */
  async #once(): Promise<string | undefined> {
    const { name, readyLine, command } = this.options;
    const [program, args, env] = command();
    const log = createWriteStream(this.journal.log(name), { flags: 'a' });
    const child = spawn(program, args, { env, cwd: this.journal.folder, stdio: ['ignore', 'pipe', 'pipe'] });
    this.starts += 1;
    this.#child = child;
    let wasUp = false;
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        log.write(chunk);
        if (wasUp) return;
        said += chunk.toString();
        wasUp = readyLine.test(said);
        if (wasUp && !this.#killed) this.#up = true;
      });
    }
    const ended = await new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('close', (code, signal) => resolve(signal ?? `exit ${code}`));
    });
    this.#child = undefined;
    this.#up = false;
    log.end();
    return wasUp ? ended : undefined;
  }
}
