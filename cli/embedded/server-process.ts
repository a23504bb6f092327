import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, openSync, closeSync } from 'node:fs';
import { open, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { SearchAttribute } from '../../contracts/names.js';
import type { ServerPorts } from './ports.js';
import { databasePath, writeRecord } from './server-record.js';

/** Larger logs are put aside when a guardian starts. */
const LARGEST_LOG = 10 * 2 ** 20;

/** Milliseconds from start to the first answer; a cold disk and a busy machine included. */
const START_LIMIT = 60_000;

/** Milliseconds that the server may take to end in order. */
const ORDERLY_END = 10_000;

/** Only what a server needs: the cloud's passwords in the environment are none of its business. */
const KEPT_VARIABLES = ['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'LC_ALL', 'TMPDIR', 'TZ'];

/** The part of the environment that the guardian and its server get. */
export function plainEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    KEPT_VARIABLES.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
  );
}

export const logPath = (stateFolder: string) => join(stateFolder, 'temporal.log');

/** A running `temporal server start-dev` whose history is in the state folder. */
export class ServerProcess {
  readonly ports: ServerPorts;
  /** Settles when the process has ended, for whatever reason. */
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, ports: ServerPorts) {
    this.#child = child;
    this.ports = ports;
    this.ended = new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
  }

  /** Starts a server and waits until it serves. @throws Error with the end of its log when it does not come up */
  static async start(cli: string, stateFolder: string, ports: ServerPorts): Promise<ServerProcess> {
    const log = openSync(logPath(stateFolder), 'a', 0o600);
    const child = spawn(cli, serverArguments(stateFolder, ports), {
      cwd: stateFolder,
      env: plainEnvironment(process.env),
      stdio: ['ignore', 'pipe', log],
    });
    closeSync(log);
    const server = new ServerProcess(child, ports);
    if (child.pid !== undefined) {
      writeRecord(stateFolder, { ...ports, pid: child.pid });
      watchOver(child, child.pid, databasePath(stateFolder));
    }
    if (await server.#serves(stateFolder)) return server;
    await server.stop();
    throw new Error(`the server did not start: ${await logEnd(stateFolder)}`);
  }

  /** Ends the server and waits until it is gone. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    const force = setTimeout(() => this.#child.kill('SIGKILL'), ORDERLY_END);
    await this.ended;
    clearTimeout(force);
  }

  /** It prints its address once it serves; the port alone may be another process's. */
  #serves(stateFolder: string): Promise<boolean> {
    const log = createWriteStream(logPath(stateFolder), { flags: 'a', mode: 0o600 });
    let printed = '';
    const told = new Promise<boolean>((resolve) => {
      this.#child.stdout?.on('data', (chunk: Buffer) => {
        log.write(chunk);
        printed = (printed + chunk.toString('utf8')).slice(-4096);
        if (new RegExp(`server:\\s+\\S+:${this.ports.port}\\s`, 'i').test(printed)) resolve(true);
      });
      this.#child.stdout?.once('close', () => log.end());
    });
    const timer = new AbortController();
    const late = sleep(START_LIMIT, false, { signal: timer.signal }).catch(() => false);
    return Promise.race([told, this.ended.then(() => false), late]).finally(() => timer.abort());
  }
}

function serverArguments(stateFolder: string, { port, uiPort }: ServerPorts): string[] {
  return [
    ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--ui-port', String(uiPort)],
    ...['--db-filename', databasePath(stateFolder), '--log-level', 'warn'],
    ...Object.values(SearchAttribute).flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
  ];
}

/**
 * Ends the server when the guardian dies without a chance to: the kernel closes the pipe that this small shell reads. It looks at
 * the command line first, since a number may by then be another process's.
 */
const WATCH = `
cat >/dev/null
if [ -r "/proc/$1/cmdline" ]; then line=$(tr '\\0' ' ' <"/proc/$1/cmdline"); else line=$(ps -o args= -p "$1" 2>/dev/null); fi
case "$line" in *"$2"*) kill -TERM "$1" ;; esac
`;

function watchOver(server: ChildProcess, pid: number, database: string): void {
  // Detached: a signal to the guardian's group must not end the one that outlives it.
  const watcher = spawn('sh', ['-c', WATCH, 'image-stream-watch', String(pid), database], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  watcher.on('error', () => undefined);
  server.once('exit', () => {
    if (watcher.pid === undefined || watcher.exitCode !== null) return;
    try {
      process.kill(-watcher.pid, 'SIGKILL');
    } catch {
      // It ended by itself in between.
    }
  });
}

/** Puts a log that has grown large aside, keeping one. */
export async function rotateLog(stateFolder: string): Promise<void> {
  const path = logPath(stateFolder);
  const facts = await stat(path).catch(() => undefined);
  if (facts && facts.size > LARGEST_LOG) await rename(path, `${path}.1`);
}

async function logEnd(stateFolder: string): Promise<string> {
  const handle = await open(logPath(stateFolder), 'r');
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, 500);
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.toString('utf8').trim() || 'it wrote nothing to its log';
  } finally {
    await handle.close();
  }
}
