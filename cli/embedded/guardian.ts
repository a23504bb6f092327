import { setTimeout as sleep } from 'node:timers/promises';

import { GuardianPost } from './guardian-post.js';
import { choosePorts } from './ports.js';
import { rotateLog, ServerProcess } from './server-process.js';
import { endOrphan, readRecord } from './server-record.js';

/** Milliseconds without users after which the server goes: the next of several commands finds it running. */
const GRACE = 5000;

/** A server that fails more often in a minute than this is not started again. */
const MOST_RESTARTS = 3;

/**
 * The process that holds the embedded server of a state folder while anyone uses it. Started by hold-server.ts, detached, so that
 * neither the end of a terminal nor the death of a command takes the server away from the others.
 */
async function guard(stateFolder: string, cli: string): Promise<void> {
  process.umask(0o077);
  const post = await GuardianPost.claim(stateFolder);
  if (!post) return;
  let dismissed = false;
  const dismissal = new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      process.on(signal, () => {
        dismissed = true;
        resolve();
      });
    }
  });
  try {
    await endOrphan(stateFolder);
    await rotateLog(stateFolder);
    const starts: number[] = [];
    do {
      starts.push(Date.now());
      if (starts.filter((time) => time > Date.now() - 60_000).length > MOST_RESTARTS + 1) {
        throw new Error('the server ended again and again');
      }
      const server = await startServer(cli, stateFolder);
      post.announce({ state: 'ready', ...server.ports });
      await Promise.race([idleness(post), server.ended, dismissal]);
      post.announce({ state: 'starting' });
      await server.stop();
    } while (post.userCount > 0 && !dismissed);
  } catch (error) {
    console.error(new Date().toISOString(), error);
    post.announce({
      state: 'failed',
      message: error instanceof Error ? error.message.slice(0, 1000) : 'unknown reason',
    });
    // Time for the users to read it before the connection ends.
    await sleep(200);
  }
  post.retire();
}

/** Another process may take a port between the look at it and the server's start. */
async function startServer(cli: string, stateFolder: string): Promise<ServerProcess> {
  for (let attempt = 1; ; attempt++) {
    const last = readRecord(stateFolder);
    const ports = await choosePorts(stateFolder, attempt < 3 ? last : undefined);
    try {
      return await ServerProcess.start(cli, stateFolder, ports);
    } catch (error) {
      if (attempt === 3) throw error;
      console.error(new Date().toISOString(), error);
    }
  }
}

/** Settles once nobody has used the server for a while. */
function idleness(post: GuardianPost): Promise<void> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    post.onChange = () => {
      clearTimeout(timer);
      // The socket keeps this process alive meanwhile; afterwards nothing should.
      if (post.userCount === 0) timer = setTimeout(resolve, GRACE).unref();
    };
    post.onChange();
  });
}

const [, , stateFolder, cli] = process.argv;
if (!stateFolder || !cli) {
  console.error('usage: guardian STATE_FOLDER TEMPORAL_CLI');
  process.exitCode = 2;
} else {
  await guard(stateFolder, cli);
}
