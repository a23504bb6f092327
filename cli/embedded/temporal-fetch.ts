import { execFile, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { makeFolder } from '../../staging/index.js';
import { judgeCommand, PINNED_RELEASE } from './temporal-version.js';

const run = promisify(execFile);

/** How long a way to get the command may take, in milliseconds. */
export interface FetchLimits {
  /** Without a new byte of the download. */
  stall: number;
  /** For the whole of a download or a build. */
  total: number;
}

export const FETCH_LIMITS: FetchLimits = { stall: 20_000, total: 20 * 60_000 };

/** A way to get the command: leaves it as the one file of `folder`, or throws an Error that says why it cannot. */
export type Way = (folder: string, env: NodeJS.ProcessEnv, limits: FetchLimits) => Promise<void>;

/**
 * Gets the command in a folder of its own beside `destination` and moves it there in one step, so that nobody ever runs half
 * of it and two who fetch at once do not meet.
 * @throws Error with the reason
 */
export async function fetchInto(
  destination: string,
  way: Way,
  env: NodeJS.ProcessEnv,
  limits: FetchLimits,
): Promise<void> {
  await makeFolder(dirname(destination));
  const folder = await mkdtemp(join(dirname(destination), 'fetch-'));
  try {
    await way(folder, env, limits);
    const [name] = await readdir(folder);
    if (name === undefined) throw new Error('it left no file');
    const verdict = await judgeCommand(join(folder, name), env);
    if (!verdict.usable) throw new Error(verdict.wrong);
    await rename(join(folder, name), destination);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The SDK downloads only as it starts a server; in a process of its own, since its download cannot be called off. */
const DOWNLOAD = `
const [sdk, downloadDir, version] = process.argv.slice(1);
const executable = { type: 'cached-download', downloadDir, version, ttl: '3650d' };
require(sdk).TestWorkflowEnvironment.createLocal({ server: { executable } })
  .then((server) => server.teardown())
  .catch((error) => { console.error(String(error.message)); process.exitCode = 1; });`;

/** The TypeScript SDK's own download of the pinned release; `sdk` is the path of @temporalio/testing. */
export function sdkDownload(sdk = createRequire(import.meta.url).resolve('@temporalio/testing')): Way {
  return async (folder, env, limits) => {
    const child = spawn(process.execPath, ['-e', DOWNLOAD, sdk, folder, PINNED_RELEASE], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4000)));
    const ended = new Promise<boolean>((resolve) => {
      child.once('error', () => resolve(false));
      child.once('close', (code) => resolve(code === 0));
    });
    const watch = watchGrowth(folder, limits, () => child.kill('SIGKILL'));
    const succeeded = await ended;
    const stopped = watch.end();
    if (stopped) throw new Error(stopped);
    // A download that is whole counts even where the trial start of the server failed.
    if (!succeeded && (await readdir(folder)).length === 0) throw new Error(firstLine(said));
  };
}

/** Calls `stop` when nothing more arrives in the folder, or it takes too long; `end` says whether that happened. */
function watchGrowth(folder: string, limits: FetchLimits, stop: () => void) {
  const started = Date.now();
  let size = -1;
  let grew = started;
  let stopped: string | undefined;
  const timer = setInterval(
    () => {
      void sizeOf(folder).then((now) => {
        if (now !== size) [size, grew] = [now, Date.now()];
        if (Date.now() - grew > limits.stall) stopped = `nothing arrived for ${limits.stall / 1000} s`;
        else if (Date.now() - started > limits.total) stopped = `it took over ${limits.total / 1000} s`;
        if (stopped) stop();
      });
    },
    Math.min(1000, limits.stall / 4),
  );
  return {
    end: () => {
      clearInterval(timer);
      return stopped;
    },
  };
}

async function sizeOf(folder: string): Promise<number> {
  const sizes = (await readdir(folder).catch(() => [])).map((name) =>
    stat(join(folder, name)).then(
      (entry) => entry.size,
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** The Go that the pinned release's go.mod asks for. */
const OLDEST_GO = [1, 25] as const;

/** Builds the pinned release from the Go module proxy: two to five minutes, where Go is new enough. */
export const goInstall: Way = async (folder, env, limits) => {
  const version = await run('go', ['env', 'GOVERSION'], { env, timeout: 20_000 }).catch(() => undefined);
  if (!version) throw new Error('there is no go command');
  const found = /^go(\d+)\.(\d+)/.exec(version.stdout.trim());
  const [major, minor] = [Number(found?.[1] ?? 0), Number(found?.[2] ?? 0)];
  if (major < OLDEST_GO[0] || (major === OLDEST_GO[0] && minor < OLDEST_GO[1])) {
    throw new Error(`Go is too old (${version.stdout.trim()}; ${OLDEST_GO.join('.')} or later is needed)`);
  }
  await run('go', ['install', `github.com/temporalio/cli/cmd/temporal@${PINNED_RELEASE}`], {
    env: { ...env, GOBIN: folder, GOFLAGS: '' },
    timeout: limits.total,
    killSignal: 'SIGKILL',
    maxBuffer: 2 ** 24,
  }).catch((error: unknown) => {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
    throw new Error(`go install failed (${lastLine(said)})`);
  });
};

const lines = (text: string) => text.split('\n').filter((line) => line.trim() !== '');
const firstLine = (text: string) => (lines(text)[0] ?? 'no reason given').slice(0, 300);
const lastLine = (text: string) => (lines(text).at(-1) ?? 'no reason given').slice(0, 300);
