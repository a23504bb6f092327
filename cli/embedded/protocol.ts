import { createHash } from 'node:crypto';
import { mkdir, stat } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { connect, type Socket } from 'node:net';
import { z } from 'zod';

import { ImageStreamError } from '../../contracts/errors.js';

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

/** A socket address has room for 104 bytes on some systems; the names of the sockets take 26. */
const LONGEST_FOLDER = 75;

/**
 * The folder of the guardians' sockets: in the state folder, or a short one of the same user where that path is too long.
 * @throws {ImageStreamError} TemporalUnreachable when others could write to the short folder
 */
export async function socketFolder(stateFolder: string): Promise<string> {
  if (Buffer.byteLength(stateFolder) <= LONGEST_FOLDER) return stateFolder;
  const { uid } = userInfo();
  const short = join(
    tmpdir(),
    `image-stream-${uid}-${createHash('sha256').update(stateFolder).digest('hex').slice(0, 12)}`,
  );
  await mkdir(short, { mode: 0o700, recursive: true });
  const { uid: owner, mode } = await stat(short);
  if ((uid >= 0 && owner !== uid) || (mode & 0o077) !== 0) {
    throw new ImageStreamError('TemporalUnreachable', `The folder ${short} is open to other users`, {
      hint: 'Remove it, or set XDG_STATE_HOME to a shorter path.',
    });
  }
  return short;
}

/** Names are never used twice, so that removing a dead guardian's socket cannot hit a living one's. */
export const SOCKET_NAME = /^guardian-[0-9a-f]{12}\.sock$/;

/** Why a socket could not be reached: nobody listens any more, or it is gone. */
export type Absence = 'dead' | 'gone';

/** Connects to a guardian's socket. */
export function reach(path: string): Promise<Socket | Absence> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
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
