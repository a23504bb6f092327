import { spawn } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { Connection } from '@temporalio/client';
import { findTemporalCli } from '../../cli/embedded/temporal-cli.js';
import { registerSearchAttributes } from '../../cli/embedded/search-attributes.js';

/** A Temporal server of a test's own, in memory, on a free port. */
export interface TemporalServer {
  address: string;
  /** The environment that names it to the command. */
  env: { TEMPORAL_ADDRESS: string };
  close(): Promise<void>;
}

export async function startTemporalServer(): Promise<TemporalServer> {
  const { path } = await findTemporalCli();
  const port = await freePort();
  const words = ['server', 'start-dev', '--headless', '--ip', '127.0.0.1', '--port', String(port)];
  const server = spawn(path, [...words, '--log-level', 'never'], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  const close = async () => {
    server.kill('SIGTERM');
    await ended;
  };
  const address = `127.0.0.1:${port}`;
  try {
    const connection = await Connection.connect({ address, connectTimeout: 30_000 });
    await registerSearchAttributes(connection, 'default');
    await connection.close();
  } catch (error) {
    await close();
    throw error;
  }
  return { address, env: { TEMPORAL_ADDRESS: address }, close };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
