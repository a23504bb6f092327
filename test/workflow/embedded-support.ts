import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Client, Connection } from '@temporalio/client';
import { expect, vi } from 'vitest';

import { connectTemporal } from '../../cli/embedded/connect-temporal.js';
import { findTemporalCli } from '../../cli/embedded/temporal-cli.js';
import { readRecord } from '../../cli/embedded/server-record.js';
import type { TemporalAccess } from '../../cli/embedded/temporal-access.js';

export const findCli = async () => (await findTemporalCli()).path;

/** A state folder of a test, and everything that came to run for it. */
export class Scene {
  readonly #accesses: TemporalAccess[] = [];
  readonly #users: ChildProcess[] = [];

  private constructor(readonly stateFolder: string) {}

  static async open(suffix = 'state'): Promise<Scene> {
    return new Scene(join(await mkdtemp(join(tmpdir(), 'image-stream-emb-')), suffix));
  }

  /** Uses the server from this process. */
  async connect(find = findCli): Promise<TemporalAccess> {
    const access = await connectTemporal({
      stateFolder: this.stateFolder,
      env: { HOME: '/nowhere' },
      findCli: find,
    });
    this.#accesses.push(access);
    return access;
  }

  /** A process of its own that uses the server until it is killed; resolves with the address it was given. */
  async startUser(): Promise<{ process: ChildProcess; address: string }> {
    const program = `
      import { connectTemporal } from ${JSON.stringify(new URL('../../dist/cli/embedded/connect-temporal.js', import.meta.url).href)};
      const access = await connectTemporal({
        stateFolder: ${JSON.stringify(this.stateFolder)}, env: {}, findCli: async () => ${JSON.stringify(await findCli())},
      });
      console.log(access.address);
      setInterval(() => {}, 1000);
    `;
    const user = spawn(process.execPath, ['--input-type=module', '-e', program], {
      env: { ...process.env, OS_PASSWORD: 'hunter2' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#users.push(user);
    for await (const address of createInterface(user.stdout)) return { process: user, address };
    throw new Error('the user ended without a server');
  }

  /** The numbers of the processes of this scene, found by their command lines. */
  async processes(): Promise<{ guardians: number[]; servers: number[]; watchers: number[] }> {
    const found = {
      guardians: new Array<number>(),
      servers: new Array<number>(),
      watchers: new Array<number>(),
    };
    for (const entry of await readdir('/proc')) {
      const words = (await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '')).split('\0');
      if (words.includes('start-dev') && words.includes(join(this.stateFolder, 'temporal.db')))
        found.servers.push(Number(entry));
      if (words[1]?.endsWith('guardian.js') && words[2] === this.stateFolder)
        found.guardians.push(Number(entry));
      if (words.includes('image-stream-watch') && words.includes(join(this.stateFolder, 'temporal.db')))
        found.watchers.push(Number(entry));
    }
    return found;
  }

  /** The number of the one server there is. */
  async server(): Promise<number> {
    const { servers } = await this.processes();
    expect(servers).toHaveLength(1);
    expect(readRecord(this.stateFolder)?.pid).toBe(servers[0]);
    return servers[0] ?? 0;
  }

  /** Waits until nothing of this scene runs. */
  async quiet(): Promise<void> {
    await vi.waitFor(
      async () => expect(await this.processes()).toEqual({ guardians: [], servers: [], watchers: [] }),
      { timeout: 25_000, interval: 100 },
    );
  }

  async close(): Promise<void> {
    for (const access of this.#accesses) await access.close();
    for (const user of this.#users) user.kill('SIGKILL');
    // A guardian that is told to go does not wait for further users.
    for (const pid of (await this.processes()).guardians) process.kill(pid, 'SIGTERM');
    await this.quiet();
    await rm(join(this.stateFolder, '..'), { recursive: true, force: true });
  }
}

/** Runs something with a client of this server. */
export async function withClient<T>(address: string, work: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address, connectTimeout: 10_000 });
  try {
    return await work(new Client({ connection }));
  } finally {
    await connection.close();
  }
}

/** Leaves a workflow that nobody works on: only its history matters here. */
export async function leaveWorkflow(address: string, workflowId: string): Promise<void> {
  await withClient(address, (client) =>
    client.workflow.start('anything', { workflowId, taskQueue: 'nobody' }),
  );
}

export async function statusOf(address: string, workflowId: string): Promise<string> {
  return withClient(
    address,
    async (client) => (await client.workflow.getHandle(workflowId).describe()).status.name,
  );
}
