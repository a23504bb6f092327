import { access, constants } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join, relative, resolve } from 'node:path';

import { ImageStreamError } from '../contracts/errors.js';

/** The user's home folder, as the shell means it. */
function home(env: NodeJS.ProcessEnv): string {
  return env['HOME'] || homedir();
}

/** A base folder of the XDG specification; a relative one is ignored, as the specification says. */
export function xdgFolder(
  env: NodeJS.ProcessEnv,
  variable: 'XDG_CONFIG_HOME' | 'XDG_CACHE_HOME' | 'XDG_STATE_HOME',
): string {
  const fallback = { XDG_CONFIG_HOME: '.config', XDG_CACHE_HOME: '.cache', XDG_STATE_HOME: '.local/state' };
  const value = env[variable];
  return value && isAbsolute(value) ? value : join(home(env), fallback[variable]);
}

/** A path of the file made absolute: `~` is the home folder, and relative ones start at the folder of the file. */
export function expandPath(path: string, folder: string, env: NodeJS.ProcessEnv): string {
  if (path === '~') return home(env);
  return path.startsWith('~/') ? join(home(env), path.slice(2)) : resolve(folder, path);
}

/**
 * The configuration file: the one named, else the first there is of ./image-stream.yaml, the user's and the system's.
 * @throws {ImageStreamError} ConfigMissing, listing where it looked
 */
export async function locateConfiguration(
  file: string | undefined,
  env: NodeJS.ProcessEnv,
  cwd: string,
): Promise<string> {
  const places =
    file === undefined
      ? [
          join(cwd, 'image-stream.yaml'),
          join(xdgFolder(env, 'XDG_CONFIG_HOME'), 'image-stream', 'config.yaml'),
          '/etc/image-stream/config.yaml',
        ]
      : [expandPath(file, cwd, env)];
  for (const place of places) {
    const present = await access(place, constants.F_OK).then(
      () => true,
      () => false,
    );
    if (present) return place;
  }
  const looked = places.map((place) => displayPath(place, cwd)).join(', ');
  throw new ImageStreamError('ConfigMissing', `No configuration file (looked at ${looked})`, {
    details: { looked: places },
  });
}

/** A path as the user would name it from where they are. */
export function displayPath(path: string, cwd: string): string {
  const short = relative(cwd, path);
  return short && !short.startsWith('..') && !isAbsolute(short) ? short : path;
}
