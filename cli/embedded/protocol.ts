import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

/**
 * What a guardian tells everyone who connects, one JSON text a line, on connecting and at each change. Nobody tells it anything:
 * being connected is the message, and the kernel ends it even for a process that was killed.
 */
const messageSchema = z.discriminatedUnion('state', [
  /** It does not know yet whether it is the only one. */
  z.object({ state: z.literal('candidate') }),
  /** It is the only one, and its server is starting. */
  z.object({ state: z.literal('starting') }),
  z.object({ state: z.literal('ready'), port: z.int().min(1).max(65535), uiPort: z.int().min(1).max(65535) }),
  z.object({ state: z.literal('failed'), message: z.string().max(4096) }),
]);
export type GuardianMessage = z.output<typeof messageSchema>;

const LONGEST_MESSAGE = 65_536;

/** A socket address has room for 104 bytes on some systems. */
const LONGEST_ADDRESS = 100;

/**
 * Gives the work an address of a socket in this folder that is short enough: through a link in a folder made for the moment, where
 * the path itself is too long. The socket stays in the folder it belongs to.
 */
export async function withAddress<T>(
  folder: string,
  name: string,
  work: (address: string) => Promise<T>,
): Promise<T> {
  const address = join(folder, name);
  if (Buffer.byteLength(address) <= LONGEST_ADDRESS) return work(address);
  const detour = await mkdtemp(join(tmpdir(), 'is-'));
  try {
    await symlink(folder, join(detour, 's'));
    return await work(join(detour, 's', name));
  } finally {
    await rm(detour, { recursive: true, force: true });
  }
}

/** Names are never used twice, so that removing a dead guardian's socket cannot hit a living one's. */
export const SOCKET_NAME = /^guardian-[0-9a-f]{12}\.sock$/;

/** Why a socket could not be reached: nobody listens any more, or it is gone. */
export type Absence = 'dead' | 'gone';

/** Connects to a guardian's socket. */
export function reach(folder: string, name: string): Promise<Socket | Absence> {
  return withAddress(folder, name, connectTo);
}

function connectTo(address: string): Promise<Socket | Absence> {
  return new Promise((resolve, reject) => {
    const socket = connect(address);
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      // What ends the connection is seen as its close.
      socket.on('error', () => undefined);
      resolve(socket);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') resolve('dead');
      else if (error.code === 'ENOENT' || error.code === 'ECONNRESET' || error.code === 'EPIPE')
        resolve('gone');
      else reject(error);
    });
  });
}

/** Calls back with each message of a guardian. The end of the connection is the socket's `close`. */
export function follow(socket: Socket, onMessage: (message: GuardianMessage) => void): void {
  let buffered = '';
  socket.on('data', (chunk: Buffer) => {
    const lines = (buffered + chunk.toString('utf8')).split('\n');
    buffered = lines.pop() ?? '';
    if (buffered.length > LONGEST_MESSAGE) socket.destroy();
    for (const line of lines) {
      const message = messageSchema.safeParse(parseJson(line));
      if (message.success) onMessage(message.data);
    }
  });
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
