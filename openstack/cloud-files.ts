import { readFile } from 'node:fs/promises';
import path from 'node:path';
import yaml from 'js-yaml';
import { ImageStreamError } from '../contracts/errors.js';

/** A mapping as YAML or JSON gave it, not trusted yet. */
export type RawMapping = Record<string, unknown>;

export interface CloudFiles {
  /** The clouds of clouds.yaml, with secure.yaml merged in. */
  readonly clouds: Record<string, unknown>;
  readonly publicClouds: Record<string, unknown>;
  /** The file that the clouds came from. */
  readonly source: string | undefined;
  readonly warnings: readonly string[];
}

export interface SearchOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
}

const SUFFIXES = ['.yaml', '.yml', '.json'];
const SIZE_LIMIT = 4 * 1024 * 1024;

/**
 * Reads clouds.yaml, secure.yaml and clouds-public.yaml, each from the first place that has it: OS_CLIENT_CONFIG_FILE
 * (OS_CLIENT_SECURE_FILE), the working folder, `$XDG_CONFIG_HOME/openstack`, `~/.config/openstack`, `/etc/openstack`,
 * as openstacksdk's loader does. Unlike there, a file that cannot be parsed is an error and not skipped: a user who wrote
 * it wants to know.
 * @throws {ImageStreamError} CloudConfigInvalid, naming file and line, never a value
 */
export async function readCloudFiles({ env, cwd }: SearchOptions): Promise<CloudFiles> {
  const warnings: string[] = [];
  const places = searchPlaces(env, cwd);
  const load = async (stem: string, override?: string): Promise<LoadedFile | undefined> => {
    if (override) {
      const file = await loadFile(path.resolve(cwd, override));
      if (file) return file;
      warnings.push(`${override}, which the environment names as the file of clouds, cannot be read`);
    }
    for (const place of places) {
      for (const suffix of SUFFIXES) {
        const file = await loadFile(path.join(place, stem + suffix));
        if (file) return file;
      }
    }
    return undefined;
  };
  const clouds = await load('clouds', env.OS_CLIENT_CONFIG_FILE);
  const secure = await load('secure', env.OS_CLIENT_SECURE_FILE);
  const vendors = await load('clouds-public');
  return {
    clouds: mergeMappings(section(clouds, 'clouds'), section(secure, 'clouds')),
    publicClouds: section(vendors, 'public-clouds'),
    source: clouds?.path ?? secure?.path,
    warnings,
  };
}

/** Merges `over` into `base`, mapping by mapping; anything else in `over` replaces what `base` had. */
export function mergeMappings(base: RawMapping, over: RawMapping): RawMapping {
  const merged = new Map(Object.entries(base));
  for (const [key, value] of Object.entries(over)) {
    const before = merged.get(key);
    merged.set(key, isMapping(before) && isMapping(value) ? mergeMappings(before, value) : value);
  }
  return Object.fromEntries(merged);
}

export function isMapping(value: unknown): value is RawMapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

interface LoadedFile {
  readonly path: string;
  readonly content: RawMapping;
}

function searchPlaces(env: NodeJS.ProcessEnv, cwd: string): string[] {
  const home = env.SNAP_REAL_HOME ?? env.HOME;
  const places = [cwd];
  if (env.XDG_CONFIG_HOME) places.push(path.join(env.XDG_CONFIG_HOME, 'openstack'));
  if (home) places.push(path.join(home, '.config', 'openstack'));
  places.push('/etc/openstack');
  return [...new Set(places)];
}

async function loadFile(file: string): Promise<LoadedFile | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch {
    // Absent, unreadable for this user or a folder: the next place may have it.
    return undefined;
  }
  if (bytes.length > SIZE_LIMIT) throw invalid(`${file} is larger than any file of clouds should be`);
  const content = parse(file, bytes.toString('utf8'));
  if (content === undefined || content === null) return { path: file, content: {} };
  if (!isMapping(content)) throw invalid(`${file} is not a mapping of keys`);
  return { path: file, content };
}

/** Scalars stay as they were written: a password of 0123 or a project id of 12e4 is no number. */
const AS_WRITTEN = yaml.FAILSAFE_SCHEMA.extend({
  implicit: [
    new yaml.Type('tag:yaml.org,2002:merge', { kind: 'scalar', resolve: (data) => data === '<<' }),
    new yaml.Type('tag:yaml.org,2002:null', {
      kind: 'scalar',
      resolve: (data) => data === null || data === '~' || /^(null|Null|NULL)?$/.test(String(data)),
      construct: () => null,
    }),
  ],
});

function parse(file: string, text: string): unknown {
  try {
    return yaml.load(text, { schema: AS_WRITTEN });
  } catch (error) {
    if (!(error instanceof yaml.YAMLException)) throw error;
    // The exception's message quotes the lines around the fault and its reason may quote a word of them, where
    // passwords live: only the unquoted part of the reason is taken, and the key at the start of the line.
    const reason = error.reason.replace(/["<'].*/s, '').trim();
    const key = /^\s*(?:- +)?([\w-]{1,40})\s*:/.exec(text.split('\n')[error.mark.line] ?? '')?.[1];
    throw invalid(`${file}, line ${error.mark.line + 1}${key ? `, key ${key}` : ''}: ${reason}`);
  }
}

function section(file: LoadedFile | undefined, key: string): RawMapping {
  const value = file?.content[key];
  if (value === undefined || value === null) return {};
  if (!isMapping(value)) throw invalid(`${file?.path ?? ''}: ${key} is not a mapping of names`);
  return value;
}

function invalid(message: string): ImageStreamError {
  return new ImageStreamError('CloudConfigInvalid', message);
}
