import { createHash } from 'node:crypto';
import { createServer } from 'node:net';

export interface ServerPorts {
  port: number;
  uiPort: number;
}

/** Below the ports that systems give to outgoing connections, where a free one today is taken tomorrow. */
const LOWEST = 20_000;
const COUNT = 12_000;

/**
 * Free ports for the server and its UI: those of last time where they still are, so that the address of the UI stays; else
 * chosen by the state folder's name, and from there the next free ones.
 */
export async function choosePorts(stateFolder: string, last: ServerPorts | undefined): Promise<ServerPorts> {
  if (last && (await isFree(last.port)) && (await isFree(last.uiPort))) {
    return { port: last.port, uiPort: last.uiPort };
  }
  const start = createHash('sha256').update(stateFolder).digest().readUInt32BE(0);
  const free: number[] = [];
  for (let offset = 0; offset < COUNT && free.length < 2; offset++) {
    const port = LOWEST + ((start + offset) % COUNT);
    if (await isFree(port)) free.push(port);
  }
  const [port, uiPort] = free;
  if (port === undefined || uiPort === undefined) throw new Error('no free port on 127.0.0.1');
  return { port, uiPort };
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
