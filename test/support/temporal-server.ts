import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { Connection } from '@temporalio/client';
import { findTemporalCli } from '../../cli/embedded/temporal-cli.js';
import { registerSearchAttributes } from '../../cli/embedded/search-attributes.js';

/** A Temporal server of a test's own, on a free port. */
export interface TemporalServer {
  address: string;
  /** The environment that names it to the command. */
  env: { TEMPORAL_ADDRESS: string };
  close(): Promise<void>;
  /** SIGKILL: as when its machine goes down. */
  kill(): Promise<void>;
  /** Starts it again at its address, and waits until it answers; what it knows is what its database has. */
  restart(): Promise<void>;
}

/** In memory, or with its history in the file `database`. */
export async function startTemporalServer(options: { database?: string } = {}): Promise<TemporalServer> {
  const { path } = await findTemporalCli();
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const words = ['server', 'start-dev', '--headless', '--ip', '127.0.0.1', '--port', String(port)];
  words.push('--log-level', 'never');
  if (options.database !== undefined) words.push('--db-filename', options.database);

  let server: ChildProcess;
  let ended: Promise<void>;
  const start = () => {
    server = spawn(path, words, { stdio: 'ignore' });
    ended = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  };
  const end = async (signal: NodeJS.Signals) => {
    server.kill(signal);
    await ended;
  };
  start();
  try {
    const connection = await Connection.connect({ address, connectTimeout: 30_000 });
    await registerSearchAttributes(connection, 'default');
    await connection.close();
  } catch (error) {
    await end('SIGTERM');
    throw error;
  }
  return {
    address,
    env: { TEMPORAL_ADDRESS: address },
    close: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    async restart() {
      start();
      const connection = await Connection.connect({ address, connectTimeout: 60_000 });
      await connection.close();
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
