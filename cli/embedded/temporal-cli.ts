import { access, constants, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';

import { ImageStreamError } from '../../contracts/errors.js';
import {
  FETCH_LIMITS,
  fetchInto,
  goInstall,
  sdkDownload,
  type FetchLimits,
  type Way,
} from './temporal-fetch.js';
import { judgeCommand, PINNED_RELEASE } from './temporal-version.js';

export interface FindTemporalOptions {
  /** Read for IMAGE_STREAM_TEMPORAL, PATH and XDG_CACHE_HOME. @default process.env */
  env?: NodeJS.ProcessEnv;
  /** Told what takes long, and which ways did not lead there. */
  note?: (line: string) => void;
  /** Ways to get the command where none is found, in order. @default the SDK's download, then `go install` */
  ways?: readonly (readonly [source: string, way: Way])[];
  limits?: FetchLimits;
}

export interface FoundTemporal {
  /** The executable. */
  path: string;
  /** Where it came from, for people. */
  source: string;
}

const WAYS: NonNullable<FindTemporalOptions['ways']> = [
  ["the SDK's download", sdkDownload()],
  ['go install', goInstall],
];

/** Where a fetched command is kept: one folder a release, shared by all checkouts of a user. */
export function cachedCommand(env: NodeJS.ProcessEnv): string {
  const cache = env.XDG_CACHE_HOME;
  const base = cache && isAbsolute(cache) ? cache : join(env.HOME || homedir(), '.cache');
  return join(base, 'image-stream', `temporal-${PINNED_RELEASE}`, 'temporal');
}

/**
 * A Temporal CLI whose server is new enough: the one that IMAGE_STREAM_TEMPORAL names, one on PATH, one fetched earlier, else
 * fetched now into the user's cache.
 * @throws {ImageStreamError} TemporalMissing, naming what was tried and how to get it
 */
export async function findTemporalCli(options: FindTemporalOptions = {}): Promise<FoundTemporal> {
  const { env = process.env, note = () => {}, ways = WAYS, limits = FETCH_LIMITS } = options;
  const tried: string[] = [];
  const usable = async (path: string, source: string): Promise<FoundTemporal | undefined> => {
    const verdict = await judgeCommand(path, env);
    if (verdict.usable) return { path, source };
    tried.push(`${source}: ${verdict.wrong}`);
    return undefined;
  };

  if (env.IMAGE_STREAM_TEMPORAL) {
    const named = await usable(env.IMAGE_STREAM_TEMPORAL, 'IMAGE_STREAM_TEMPORAL');
    // Named on purpose: another one in its place would be a surprise.
    if (!named) throw missing(tried);
    return named;
  }
  for (const path of await onPath(env)) {
    const found = await usable(path, path);
    if (found) return found;
  }
  const cached = cachedCommand(env);
  if (await isExecutable(cached)) {
    const found = await usable(cached, 'the cache');
    if (found) return found;
  }
  for (const [source, way] of ways) {
    note(`Getting the Temporal CLI ${PINNED_RELEASE} by ${source}; this may take some minutes, once.`);
    try {
      await fetchInto(cached, way, env, limits);
      return { path: cached, source };
    } catch (error) {
      tried.push(`${source}: ${error instanceof Error ? error.message : String(error)}`);
      note(`That did not work: ${tried.at(-1)}`);
    }
  }
  throw missing(tried);
}

async function onPath(env: NodeJS.ProcessEnv): Promise<string[]> {
  const folders = (env.PATH ?? '').split(delimiter).filter(isAbsolute);
  const paths = [...new Set(folders)].map((folder) => join(folder, 'temporal'));
  const there = await Promise.all(paths.map(isExecutable));
  return paths.filter((_, index) => there[index]);
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

function missing(tried: string[]): ImageStreamError {
  const why = tried.length > 0 ? ` (${tried.join('; ')})` : '';
  return new ImageStreamError('TemporalMissing', `No usable Temporal CLI was found${why}.`, {
    hint:
      'Put temporal 1.5 or later on PATH (see docs.temporal.io/cli), name one with IMAGE_STREAM_TEMPORAL, ' +
      'install Go 1.25 or later so that it can be built, or set TEMPORAL_ADDRESS to a server of your own.',
    details: { tried },
  });
}
