import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { SearchAttribute } from '../../contracts/names.js';
import type { Workbench } from '../../test/support/cli.js';
import { CloudService } from './cloud-service.js';
import { KeptProcess, type Victim } from './kept-process.js';
import { MARK, REPOSITORY, until, type Journal } from './place.js';
import type { VictimName } from './plan.js';

export interface VictimSettings {
  bench: Workbench;
  /** The state folder of the local cloud. */
  cloudState: string;
  temporalPort: number;
  mirrorPort: number;
  mirrorRoot: string;
}

/** Workers have names, and with them staging folders of their own. */
export const WORKERS = ['worker-1', 'worker-2'] as const;

export function cacheOf(bench: Workbench, worker: string): string {
  return join(bench.folder, worker);
}

/** All that is killed, by name; those that are processes of this run's own, apart. */
export class Victims {
  readonly processes: KeptProcess[];
  readonly services: CloudService[];
  readonly #byName: Record<VictimName, { kill(pauseMs: number): Promise<boolean> }>;
  readonly #all: Victim[];
  readonly #mirror: KeptProcess;
  readonly temporal: KeptProcess;

  constructor(
    private readonly settings: VictimSettings,
    private readonly journal: Journal,
  ) {
    const [first, second] = WORKERS.map((name) => this.#worker(name));
    const service = (name: string) => new CloudService(name, settings.cloudState, journal);
    const [glance, keystone, swift] = [service('glance'), service('keystone'), service('swift-proxy')];
    this.temporal = this.#temporal();
    this.#mirror = this.#makeMirror();
    this.processes = [this.#mirror, this.temporal, first!, second!];
    this.services = [glance, keystone, swift];
    this.#all = [...this.processes, ...this.services];
    this.#byName = {
      'worker-1': first!,
      'worker-2': second!,
      temporal: this.temporal,
      mirror: this.#mirror,
      keystone,
      'swift-proxy': swift,
      glance,
      'glance-leader': { kill: (pauseMs) => glance.killPart('leader', pauseMs) },
      'glance-worker': { kill: (pauseMs) => glance.killPart('worker', pauseMs) },
    };
  }

  async kill(name: VictimName, pauseMs: number): Promise<boolean> {
    return this.#byName[name].kill(pauseMs);
  }

  async start(): Promise<void> {
    for (const one of this.processes) await one.start();
  }

  /** How many are away or still start. */
  down(): number {
    return this.#all.filter((one) => !one.isUp()).length;
  }

  async whenUp(): Promise<void> {
    await Promise.all(this.#all.map((one) => one.whenUp()));
    await until("Temporal's answer", 60, async () => this.#temporalAnswers());
  }

  /** Workers first, so that they can tell Temporal. */
  async stop(): Promise<void> {
    for (const one of [...this.processes].reverse()) await one.stop();
    await Promise.all(this.services.map((one) => one.whenUp()));
  }

  surprises(): string[] {
    return [...this.processes, ...this.services].flatMap(({ surprises }) => surprises);
  }

  /** Where the mirror counts what it serves, a file for each of its starts. */
  mirrorCounts(): string[] {
    return Array.from({ length: this.#mirror.starts }, (_, index) => this.#countFile(index));
  }

  get address(): string {
    return `127.0.0.1:${this.settings.temporalPort}`;
  }

  async #temporalAnswers(): Promise<boolean> {
    try {
      const connection = await Connection.connect({ address: this.address, connectTimeout: 5_000 });
      await connection.close();
      return true;
    } catch {
      return false;
    }
  }

  #worker(name: string): KeptProcess {
    const { bench } = this.settings;
    const env = { ...bench.env, TEMPORAL_ADDRESS: this.address, XDG_CACHE_HOME: cacheOf(bench, name) };
    const args = [join(REPOSITORY, 'bin', 'image-stream'), '-c', bench.configFile, 'worker'];
    const command = (): [string, string[], NodeJS.ProcessEnv] => [process.execPath, args, env];
    return new KeptProcess({ name, command, readyLine: /worker is ready/ }, this.journal);
  }

  #temporal(): KeptProcess {
    const { bench, temporalPort } = this.settings;
    const database = join(bench.folder, 'temporal.db');
    const args = [
      ...['server', 'start-dev', '--headless', '--ip', '127.0.0.1', '--port', String(temporalPort)],
      ...['--db-filename', database, '--log-level', 'warn'],
      ...Object.values(SearchAttribute).flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
    ];
    // No more than it needs: passwords are none of its business.
    const env = { PATH: process.env.PATH, HOME: bench.folder, [MARK]: process.env[MARK] };
    const command = (): [string, string[], NodeJS.ProcessEnv] => [
      bench.env.IMAGE_STREAM_TEMPORAL ?? 'temporal',
      args,
      env,
    ];
    const readyLine = new RegExp(`server:\\s+\\S+:${temporalPort}\\s`, 'i');
    return new KeptProcess({ name: 'temporal', command, readyLine }, this.journal);
  }

  #makeMirror(): KeptProcess {
    const { mirrorRoot, mirrorPort } = this.settings;
    const main = join(import.meta.dirname, 'mirror-main.js');
    const mirror: KeptProcess = new KeptProcess(
      {
        name: 'mirror',
        command: () => [
          process.execPath,
          [main, mirrorRoot, String(mirrorPort), this.#countFile(mirror.starts)],
          process.env,
        ],
        readyLine: /mirror is ready/,
      },
      this.journal,
    );
    return mirror;
  }

  #countFile(start: number): string {
    return join(this.settings.bench.folder, `mirror-count-${start}.json`);
  }
}
