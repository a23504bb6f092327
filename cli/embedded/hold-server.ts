import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { access, chmod, constants, readdir } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { ImageStreamError } from '../../contracts/errors.js';
import { makeFolder } from '../../staging/index.js';
import type { ServerPorts } from './ports.js';
import { follow, reach, SOCKET_NAME } from './protocol.js';
import { logPath, plainEnvironment } from './server-process.js';

/** Milliseconds after which a server that neither comes nor fails is given up. */
const PATIENCE = 90_000;

/** Guardians started for one server; the second and later ones only where the one before ended at once. */
const MOST_STARTS = 5;

/** A server is held by being connected to its guardian. */
export interface HeldServer {
  ports: ServerPorts;
  /** Lets go of the server. */
  release(): void;
}

/**
 * Joins the server of this state folder, or starts a guardian that starts one. Should the guardian die, another one is started
 * at once, and serves on the same port.
 * @throws {ImageStreamError} TemporalUnreachable when no server comes up; TemporalMissing from findCli; StateUnwritable
 */
export async function holdServer(stateFolder: string, findCli: () => Promise<string>): Promise<HeldServer> {
  await makeStateFolder(stateFolder);
  let released = false;
  let current = await joinOrStart(stateFolder, findCli);
  const stay = () => {
    current.socket.once('close', () => void (released || comeBack()));
  };
  const comeBack = async (): Promise<void> => {
    // Not coming back shows where the server is used, as that operation's own error.
    const next = await joinOrStart(stateFolder, findCli).catch(() => undefined);
    if (!next) return;
    current = next;
    if (released) current.socket.destroy();
    else stay();
  };
  stay();
  return {
    get ports() {
      return current.ports;
    },
    release: () => {
      released = true;
      current.socket.destroy();
    },
  };
}

async function makeStateFolder(stateFolder: string): Promise<void> {
  try {
    await makeFolder(stateFolder, 0o700);
    await chmod(stateFolder, 0o700);
    await access(stateFolder, constants.W_OK);
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown reason';
    throw new ImageStreamError('StateUnwritable', `The folder ${stateFolder} cannot be written (${reason})`, {
      details: { stateFolder },
      cause,
    });
  }
}

interface Membership {
  socket: Socket;
  /** Those of the latest server, should one have to be started anew. */
  ports: ServerPorts;
}

async function joinOrStart(stateFolder: string, findCli: () => Promise<string>): Promise<Membership> {
  const deadline = Date.now() + PATIENCE;
  let guardian: ChildProcess | undefined;
  for (let starts = 0; Date.now() < deadline;) {
    const joined = await joinAny(stateFolder, deadline);
    if (joined) return joined;
    if (!guardian || guardian.exitCode !== null || guardian.signalCode !== null) {
      if (++starts > MOST_STARTS) break;
      guardian = startGuardian(stateFolder, await findCli());
    }
    await sleep(30);
  }
  throw unreachable(stateFolder, 'does not answer');
}

/** The server of whichever guardian there is; undefined when there is none, or it has just left the place to another. */
async function joinAny(stateFolder: string, deadline: number): Promise<Membership | undefined> {
  for (const name of await readdir(stateFolder)) {
    if (!SOCKET_NAME.test(name)) continue;
    const socket = await reach(stateFolder, name);
    if (typeof socket === 'string') continue;
    const membership = await admission(socket, stateFolder, deadline);
    if (membership) return membership;
  }
  return undefined;
}

function admission(socket: Socket, stateFolder: string, deadline: number): Promise<Membership | undefined> {
  return new Promise((resolve, reject) => {
    const giveUp = setTimeout(() => socket.destroy(), Math.max(0, deadline - Date.now()));
    let membership: Membership | undefined;
    follow(socket, (message) => {
      if (message.state === 'failed') reject(unreachable(stateFolder, `did not start (${message.message})`));
      if (message.state !== 'ready') return;
      const ports = { port: message.port, uiPort: message.uiPort };
      membership = Object.assign(membership ?? { socket }, { ports });
      clearTimeout(giveUp);
      // A command that forgets to let go must not hang for it.
      socket.unref();
      resolve(membership);
    });
    socket.once('close', () => {
      clearTimeout(giveUp);
      resolve(undefined);
    });
  });
}

function startGuardian(stateFolder: string, cli: string): ChildProcess {
  const log = openSync(join(stateFolder, 'guardian.log'), 'a', 0o600);
  // Detached: it must outlive this command and its terminal while others use the server.
  const guardian = spawn(process.execPath, [guardianProgram(), stateFolder, cli], {
    cwd: stateFolder,
    env: plainEnvironment(process.env),
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  guardian.on('error', () => undefined);
  guardian.unref();
  return guardian;
}

/** The compiled program: it runs by itself, also where this file runs from its source. */
function guardianProgram(): string {
  const here = import.meta.url;
  return fileURLToPath(
    new URL(here.endsWith('.ts') ? '../../dist/cli/embedded/guardian.js' : './guardian.js', here),
  );
}

function unreachable(stateFolder: string, what: string): ImageStreamError {
  return new ImageStreamError('TemporalUnreachable', `The embedded Temporal server ${what}`, {
    hint: `Its logs are ${logPath(stateFolder)} and guardian.log next to it.`,
    details: { stateFolder },
  });
}
