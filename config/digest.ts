import { createHash } from 'node:crypto';

import { ImageStreamError } from '../contracts/errors.js';
import type { Configuration } from './configuration.js';

/**
 * The digest of everything that decides what a run of this mirror does, and to which clouds: `sha256` in hexadecimal. When it
 * runs and how fast are no part of it, nor is any secret: another password or key in a URL gives the same digest.
 * @param cloudDescriptions the clouds as they may be printed (auth URL, user, project), in any order
 * @throws {ImageStreamError} UnknownMirror
 */
export function configDigest(
  configuration: Configuration,
  mirrorName: string,
  cloudDescriptions: readonly string[] = [],
): string {
  const mirror = configuration.mirrors.find(({ name }) => name === mirrorName);
  if (!mirror) throw unknownMirror(configuration, mirrorName);
  const {
    schedule,
    concurrency,
    transferTimeout,
    stallTimeout,
    slowLimit,
    slowWindow,
    smallItemLimit,
    ...decisive
  } = mirror;
  void [schedule, concurrency, transferTimeout, stallTimeout, slowLimit, slowWindow, smallItemLimit];
  const meaning = {
    mirror: {
      ...decisive,
      url: withoutUser(mirror.url),
      fallbackUrls: mirror.fallbackUrls.map(withoutUser),
      clouds: [...mirror.clouds].sort(),
    },
    clouds: configuration.clouds
      .filter(({ name }) => mirror.clouds.includes(name))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    descriptions: [...cloudDescriptions].sort(),
  };
  return createHash('sha256').update(canonicalJson(meaning)).digest('hex');
}

/** The error for a mirror that is not in the configuration. */
export function unknownMirror({ mirrors }: Configuration, name: string): ImageStreamError {
  const known = mirrors.map((mirror) => mirror.name).join(', ');
  return new ImageStreamError(
    'UnknownMirror',
    `No mirror ${JSON.stringify(name)} in the configuration, which has ${known}`,
  );
}

function withoutUser(url: string): string {
  const stripped = new URL(url);
  stripped.username = '';
  stripped.password = '';
  return stripped.href;
}

/** JSON with the keys of every object in order, so that equal values have equal texts. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
