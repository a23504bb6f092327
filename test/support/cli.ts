import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { findTemporalCli } from '../../cli/embedded/temporal-cli.js';
import { localCloudEnv, uniqueName } from './cloud.js';

const BIN = resolve(import.meta.dirname, '..', '..', 'bin', 'image-stream');

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A folder with a configuration, state and staging of its own, in which the real command is run. */
export class Workbench {
  readonly env: NodeJS.ProcessEnv;
  private readonly children = new Set<ChildProcess>();

  private constructor(
    readonly folder: string,
    temporal: string,
  ) {
    this.env = {
      ...localCloudEnv(),
      XDG_STATE_HOME: join(folder, 'state'),
      XDG_CACHE_HOME: join(folder, 'cache'),
      IMAGE_STREAM_TEMPORAL: temporal,
      NO_COLOR: '1',
    };
  }

  static async open(stem = 'bench'): Promise<Workbench> {
    const folder = await mkdtemp(join(tmpdir(), `${uniqueName(stem)}-`));
    await mkdir(join(folder, 'mirror'));
    return new Workbench(folder, (await findTemporalCli({})).path);
  }

  get mirrorRoot(): string {
    return join(this.folder, 'mirror');
  }

  get staging(): string {
    return join(this.folder, 'cache', 'image-stream', 'staging');
  }

  get configFile(): string {
    return join(this.folder, 'image-stream.yaml');
  }

  /** JSON is YAML. */
  async configure(configuration: unknown): Promise<void> {
    await writeFile(
      this.configFile,
      typeof configuration === 'string' ? configuration : JSON.stringify(configuration, null, 1),
    );
  }

  start(args: string[], env: NodeJS.ProcessEnv = {}): ChildProcess & { finished: Promise<Finished> } {
    const child = spawn(process.execPath, [BIN, '-c', this.configFile, ...args], {
      cwd: this.folder,
      env: { ...this.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.children.add(child);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const finished = new Promise<Finished>((settle) => {
      child.once('close', (code) => {
        this.children.delete(child);
        settle({ code, stdout, stderr });
      });
    });
    return Object.assign(child, { finished });
  }

  async run(args: string[], env: NodeJS.ProcessEnv = {}): Promise<Finished> {
    return this.start(args, env).finished;
  }

  async close(): Promise<void> {
    for (const child of this.children) child.kill('SIGKILL');
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}
