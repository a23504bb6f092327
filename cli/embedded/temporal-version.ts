import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The release of the Temporal CLI that is fetched where none is found: the last one that `go install` takes. */
export const PINNED_RELEASE = 'v1.5.1';

/** The oldest server and command that the workflows are tested with; 1.29 is the server inside CLI 1.5. */
const OLDEST_SERVER: Version = [1, 29];
const OLDEST_CLI: Version = [1, 5];

/** Milliseconds for `--version`; the first run of a 250 MB file reads it from a cold disk. */
const VERSION_LIMIT = 20_000;

type Version = readonly [number, number];

/** Whether a command can be used: `wrong` says why not. */
export type Verdict = { usable: true; version: string } | { usable: false; wrong: string };

/** Runs `PATH --version` and judges the answer. */
export async function judgeCommand(path: string, env: NodeJS.ProcessEnv): Promise<Verdict> {
  let answer: string;
  try {
    answer = (
      await run(path, ['--version'], { env, timeout: VERSION_LIMIT, maxBuffer: 65_536 })
    ).stdout.trim();
  } catch (error) {
    return { usable: false, wrong: `it does not run (${reason(error)})` };
  }
  return judgeVersion(answer);
}

/**
 * Judges `temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)`. The server's number counts: a command that `go install` built
 * calls itself 0.0.0-DEV.
 */
export function judgeVersion(answer: string): Verdict {
  const server = /\(Server (\d+)\.(\d+)[.\w-]*/.exec(answer);
  const cli = /^temporal version (\d+)\.(\d+)\./.exec(answer);
  if (!server && !cli) return { usable: false, wrong: 'it is not the Temporal CLI' };
  const enough = server ? atLeast(server, OLDEST_SERVER) : cli !== null && atLeast(cli, OLDEST_CLI);
  if (enough) return { usable: true, version: answer };
  return { usable: false, wrong: `it is too old (${answer}); ${OLDEST_CLI.join('.')} or later is needed` };
}

function atLeast(found: RegExpExecArray, [major, minor]: Version): boolean {
  const [foundMajor, foundMinor] = [Number(found[1]), Number(found[2])];
  return foundMajor > major || (foundMajor === major && foundMinor >= minor);
}

function reason(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  if (error instanceof Error && 'killed' in error && error.killed === true) return 'no answer';
  return 'it failed';
}
