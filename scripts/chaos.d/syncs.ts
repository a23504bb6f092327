import { appendFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Finished, Workbench } from '../../test/support/cli.js';
import type { Journal } from './place.js';
import type { Random } from './random.js';

/** Seconds after which a command that has not ended is called stuck, counted from when everything is up again. */
const LONGEST = 600;

/** Runs the real command again and again, as clients do, now and then through the schedule. */
export class Syncs {
  done = 0;
  /** By code, as the command printed it. */
  readonly failed = new Map<string, number>();
  readonly violations: string[] = [];
  #going = true;
  #deadline = Infinity;
  #loop: Promise<void> = Promise.resolve();

  constructor(
    private readonly bench: Workbench,
    private readonly env: NodeJS.ProcessEnv,
    private readonly mirrorName: string,
    private readonly journal: Journal,
  ) {}

  get failures(): number {
    return [...this.failed.values()].reduce((sum, count) => sum + count, 0);
  }

  start(random: Random): void {
    this.#loop = this.#run(random);
  }

  /** Begins no other one, and waits for the one that runs. */
  async stop(): Promise<void> {
    this.#going = false;
    this.#deadline = Date.now() + LONGEST * 1000;
    await this.#loop;
  }

  async sync(): Promise<Finished> {
    const finished = await this.command('sync', '--wait', '30');
    if (finished.code === 0) this.done += 1;
    else this.#failure(finished);
    return finished;
  }

  /** Any command, its output kept in syncs.log. */
  async command(...words: string[]): Promise<Finished> {
    const child = this.bench.start(words, this.env);
    const started = Date.now();
    const watch = setInterval(() => {
      if (Date.now() < Math.max(this.#deadline, started + LONGEST * 1000)) return;
      clearInterval(watch);
      this.violations.push(`\`${words.join(' ')}\` did not end within ${LONGEST} s`);
      child.kill('SIGKILL');
    }, 1_000);
    const finished = await child.finished;
    clearInterval(watch);
    const { code, stdout, stderr } = finished;
    const head = `=== ${new Date().toISOString()} ${words.join(' ')}: exit ${code}\n`;
    await appendFile(this.journal.log('syncs'), `${head}${stdout}${stderr}`);
    return finished;
  }

  async #run(random: Random): Promise<void> {
    while (this.#going) {
      if (random.next() < 0.25) await this.command('schedule', 'trigger', this.mirrorName);
      await this.sync();
      await sleep(random.between(200, 3_000));
    }
  }

  #failure({ code, stderr }: Finished): void {
    const name = /^([A-Z][A-Za-z]+): /m.exec(stderr)?.[1] ?? `exit ${code}`;
    this.failed.set(name, (this.failed.get(name) ?? 0) + 1);
    // A service that was down is fine; a command that does not know what hit it is not.
    const traced = /^\s+at .+:\d+/m.test(stderr);
    if (name === 'Internal' || traced || !/^[A-Z]/.test(name)) {
      const line = `a sync failed without a reason that users can look up: ${stderr.trim().slice(0, 300)}`;
      this.journal.say(`BROKEN: ${line}`);
      this.violations.push(line);
    }
  }
}
