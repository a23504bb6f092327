import type { Configuration, MirrorSettings } from './configuration.js';
import { sameFilters, separated } from './separation.js';
import { DIRECTORY } from '../contracts/names.js';
import type { Problem } from './problems.js';
import type { FileSettings } from './schema.js';

/** What is wrong between keys that are each fine by themselves, and needs nothing but the file. */
export function relationProblems(settings: FileSettings): Problem[] {
  const problems: Problem[] = [];
  const invalid = (path: Problem['path'], message: string) =>
    problems.push({ code: 'ConfigInvalid', path, message });
  for (const kind of ['clouds', 'mirrors'] as const) {
    const seen = new Set<string>();
    settings[kind].forEach(({ name }, index) => {
      if (seen.has(name)) {
        problems.push({
          code: 'ConfigConflict',
          path: [kind, index, 'name'],
          message: `${name} is the name of another entry`,
          hint: `Give each of the ${kind} a name of its own.`,
        });
      }
      seen.add(name);
    });
  }
  settings.clouds.forEach((cloud, index) => {
    if (cloud.name === DIRECTORY) {
      invalid(
        ['clouds', index, 'name'],
        `${DIRECTORY} is what the targets of mirrors without a cloud are called`,
      );
    }
    if (cloud.advertise && cloud.publish.to !== 'swift') {
      invalid(
        ['clouds', index, 'advertise'],
        'needs publish to swift, since only that has an address to advertise',
      );
    }
  });
  const names = new Set(settings.clouds.map(({ name }) => name));
  const cloudless = settings.mirrors.findIndex(({ directory }) => directory === undefined);
  if (names.size === 0 && cloudless >= 0) {
    invalid(['mirrors', cloudless], 'needs a cloud under clouds, or a directory');
  }
  settings.mirrors.forEach((mirror, index) => {
    if (mirror.directory && mirror.clouds) {
      invalid(['mirrors', index, 'clouds'], 'cannot stand beside directory: make it two mirrors');
    }
    mirror.clouds?.forEach((cloud, position) => {
      if (!names.has(cloud))
        invalid(['mirrors', index, 'clouds', position], `${cloud} is no cloud of this file`);
    });
    if (mirror.keep && mirror.max === undefined) {
      invalid(['mirrors', index, 'keep'], 'needs max, which says how many versions to keep');
    }
    if (mirror.retire_after !== undefined && mirror.retire === 'delete') {
      invalid(['mirrors', index, 'retire_after'], 'needs retire: hide, deactivate or community');
    }
    if (mirror.signature === undefined && !mirror.path.endsWith('.sjson')) {
      invalid(
        ['mirrors', index, 'path'],
        'is not a signed path (.sjson); say signature: skip to take it unsigned, or signature: require',
      );
    }
  });
  return problems;
}

/** Mirrors that would fight over the same images of a cloud. */
export function conflictProblems({ mirrors }: Configuration): Problem[] {
  return mirrors.flatMap((mirror, index): Problem[] => {
    const owner = mirrors.slice(0, index).find(({ directory }) => sharesFolder(mirror.directory, directory));
    if (owner) {
      const message = `mirrors into the folder of ${owner.name}, or one above or below it`;
      const hint = 'Give each mirror a folder of its own.';
      return [{ code: 'ConfigConflict', path: ['mirrors', index, 'directory'], message, hint }];
    }
    const rival = mirrors.slice(0, index).find((other) => doesTheSame(mirror, other));
    if (!rival) return [];
    const message = `takes the same items as mirror ${rival.name} into the same cloud under the content id ${rival.contentId}`;
    return [{ code: 'ConfigConflict', path: ['mirrors', index], message }];
  });
}

function sharesFolder(one: MirrorSettings['directory'], other: MirrorSettings['directory']): boolean {
  if (!one || !other) return false;
  const [a, b] = [`${one.path}/`, `${other.path}/`];
  return a.startsWith(b) || b.startsWith(a);
}

function doesTheSame(one: MirrorSettings, other: MirrorSettings): boolean {
  return (
    overlapping(one, other) &&
    sameSource(one, other) &&
    sameFilters(one.filters, other.filters) &&
    sameFilters(one.indexFilters, other.indexFilters)
  );
}

/** Whether two mirrors write under one content id into one cloud. */
export function overlapping(one: MirrorSettings, other: MirrorSettings): boolean {
  return contentIdOf(one) === contentIdOf(other) && one.clouds.some((cloud) => other.clouds.includes(cloud));
}

/** Whether no item can be taken by both mirrors, as far as that can be known without their documents. */
export function apart(one: MirrorSettings, other: MirrorSettings): boolean {
  return separated(one.filters, other.filters, sameSource(one, other) ? 'same' : 'different');
}

/** The content id, the region still open. */
export function contentIdOf({ contentId, name }: MirrorSettings): string {
  return contentId.replaceAll('{mirror}', name);
}

/** The scheme and the credentials of a URL say how to get there, not what is there. */
function sameSource(one: MirrorSettings, other: MirrorSettings): boolean {
  return sourceKey(one) === sourceKey(other);
}

function sourceKey({ url, path }: MirrorSettings): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname}${path.replace(/\.s?json$/, '')}`;
}
