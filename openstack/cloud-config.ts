import { ImageStreamError } from '../contracts/errors.js';
import { isMapping, mergeMappings, readCloudFiles, type CloudFiles, type RawMapping } from './cloud-files.js';
import { readEntry } from './cloud-entry.js';
import type { CloudConfig } from './cloud-types.js';

export interface LoadCloudOptions {
  /** @default process.env */
  readonly env?: NodeJS.ProcessEnv;
  /** Where `./clouds.yaml` is looked for. @default process.cwd() */
  readonly cwd?: string;
}

/** The name of the cloud that the OS_* variables make, where OS_CLOUD_NAME gives no other. */
const ENVVARS = 'envvars';

/** Variables that choose a cloud and do not make one (openstacksdk, `_get_os_environ`), or belong to other tools. */
const SELECTORS = new Set([
  'OS_CLOUD',
  'OS_CLOUD_NAME',
  'OS_REGION_NAME',
  'OS_CLIENT_CONFIG_FILE',
  'OS_CLIENT_SECURE_FILE',
]);
const FOREIGN = /^OS_(TEST|STD|LOG)/;

/**
 * Loads a cloud by name from clouds.yaml; without a name the one of OS_CLOUD, else the OS_* variables, else the only
 * entry there is. The OS_* variables never change an entry that was named, except that OS_REGION_NAME chooses the region
 * where OS_CLOUD (or nothing) chose the entry.
 * @throws {ImageStreamError} UnknownCloud listing the names there are; CloudConfigInvalid for a bad file or key
 */
export async function loadCloud(
  name: string | undefined,
  options: LoadCloudOptions = {},
): Promise<CloudConfig> {
  const env = options.env ?? process.env;
  const files = await readCloudFiles({ env, cwd: options.cwd ?? process.cwd() });
  const fromEnvironment = environmentEntry(env);
  const environmentName = env.OS_CLOUD_NAME || ENVVARS;
  const wanted = name ?? (env.OS_CLOUD || (fromEnvironment ? environmentName : onlyName(files)));

  if (wanted === environmentName && fromEnvironment) {
    return readEntry(fromEnvironment, { name: wanted, source: 'environment', env, warnings: [] });
  }
  const entry = wanted === undefined ? undefined : entryOf(files, wanted);
  if (wanted === undefined || !entry) throw unknownCloud(wanted, files, fromEnvironment && environmentName);
  const warnings = [...files.warnings];
  const merged = withProfile(entry, wanted, files, warnings);
  if (name === undefined && env.OS_REGION_NAME) merged.region_name = env.OS_REGION_NAME;
  return readEntry(merged, { name: wanted, source: files.source ?? '', env, warnings });
}

function environmentEntry(env: NodeJS.ProcessEnv): RawMapping | undefined {
  const keys = Object.keys(env).filter(
    (key) => key.startsWith('OS_') && !FOREIGN.test(key) && env[key] !== '',
  );
  if (!keys.some((key) => !SELECTORS.has(key))) return undefined;
  return Object.fromEntries(keys.map((key) => [key.slice(3).toLowerCase(), env[key]]));
}

function onlyName(files: CloudFiles): string | undefined {
  const names = Object.keys(files.clouds);
  return names.length === 1 ? names[0] : undefined;
}

function entryOf(files: CloudFiles, name: string): RawMapping | undefined {
  if (!Object.hasOwn(files.clouds, name)) return undefined;
  const entry = files.clouds[name];
  if (!isMapping(entry)) {
    throw new ImageStreamError(
      'CloudConfigInvalid',
      `${files.source ?? ''}: the cloud ${name} is not a mapping of keys`,
    );
  }
  return entry;
}

/** A `profile` (formerly `cloud`) lends its values from clouds-public.yaml; what the entry says itself wins. */
function withProfile(entry: RawMapping, name: string, files: CloudFiles, warnings: string[]): RawMapping {
  const { profile, cloud, ...own } = entry;
  const wanted = profile ?? cloud;
  if (typeof wanted !== 'string') return own;
  const lent = Object.hasOwn(files.publicClouds, wanted) ? files.publicClouds[wanted] : undefined;
  if (isMapping(lent)) return mergeMappings(lent, own);
  warnings.push(`${files.source ?? ''}, cloud ${name}: clouds-public.yaml has no profile ${wanted}`);
  return own;
}

function unknownCloud(
  wanted: string | undefined,
  files: CloudFiles,
  environmentName: string | undefined,
): ImageStreamError {
  const names = [...Object.keys(files.clouds), ...(environmentName ? [environmentName] : [])].sort();
  const known =
    names.length > 0 ? `there is ${names.join(', ')}` : 'no clouds.yaml and no OS_* variables were found';
  const message =
    wanted === undefined ? `No cloud was named: ${known}` : `There is no cloud named ${wanted}: ${known}`;
  return new ImageStreamError('UnknownCloud', message, {
    details: { wanted, names, ...(files.source !== undefined && { source: files.source }) },
  });
}
