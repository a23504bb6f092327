import { ImageStreamError } from '../contracts/errors.js';
import { printableUrl } from '../contracts/urls.js';
import type {
  CloudSettings,
  Configuration,
  MirrorSettings,
  PublishSettings,
  ScheduleSettings,
} from './configuration.js';
import { apart, conflictProblems, contentIdOf, overlapping } from './relations.js';
import { formatDuration, formatSize } from './units.js';

export interface ConfigurationCheck {
  /** What is allowed but probably not meant, a sentence each. */
  warnings: string[];
  /** What the configuration will do, a sentence each. */
  meaning: string[];
}

/**
 * Says what a configuration means, without asking any server.
 * @throws {ImageStreamError} ConfigConflict, when two mirrors would do the same work
 */
export function checkConfiguration(configuration: Configuration): ConfigurationCheck {
  const [conflict] = conflictProblems(configuration);
  if (conflict)
    throw new ImageStreamError('ConfigConflict', `Mirror ${String(conflict.path[1])}: ${conflict.message}`);
  return {
    warnings: [
      ...configuration.mirrors.flatMap(trustWarnings),
      ...sharingWarnings(configuration),
      ...configuration.clouds.flatMap((cloud) => cloudWarnings(cloud, configuration)),
    ],
    meaning: [
      ...configuration.mirrors.map(mirrorMeaning),
      ...configuration.clouds.map(cloudMeaning),
      `Downloads are staged in ${configuration.staging.path}` +
        (configuration.staging.budget === undefined
          ? ', as far as the disk goes.'
          : `, ${formatSize(configuration.staging.budget)} at most.`),
    ],
  };
}

function trustWarnings({ name, url, fallbackUrls, signature }: MirrorSettings): string[] {
  if (signature === 'require') return [];
  const plain = [url, ...fallbackUrls].find((candidate) => candidate.startsWith('http:'));
  return plain
    ? [
        `Mirror ${name} takes unsigned documents over plain HTTP (${printableUrl(plain)}): anyone on the way can replace the images.`,
      ]
    : [
        `Mirror ${name} takes unsigned documents: whoever runs ${printableUrl(url)} decides what your images are.`,
      ];
}

function sharingWarnings({ mirrors }: Configuration): string[] {
  return mirrors.flatMap((mirror, index) =>
    mirrors
      .slice(0, index)
      .filter((other) => overlapping(mirror, other) && !apart(mirror, other))
      .map(
        (other) =>
          `Mirrors ${other.name} and ${mirror.name} share the content id ${other.contentId} in a cloud, and their filters do not show ` +
          'that they take different products: where both have the same version of a product, the first to sync it keeps it.',
      ),
  );
}

function cloudWarnings({ name, publish }: CloudSettings, { mirrors, clouds }: Configuration): string[] {
  const users = mirrors.filter((mirror) => mirror.clouds.includes(name));
  if (users.length === 0) return [`No mirror uses cloud ${name}.`];
  if (publish.to === 'none') return [];
  const contentIds = [...new Set(users.map(contentIdOf))];
  const choosing =
    contentIds.length > 1
      ? [
          `Cloud ${name} gets ${contentIds.length} documents for each region (${contentIds.join(', ')}): Juju reads only one of them; ` +
            'give its mirrors one content id.',
        ]
      : [];
  const neighbour = clouds.find(
    (other) =>
      other.name < name &&
      other.publish.to === 'directory' &&
      publish.to === 'directory' &&
      other.publish.path === publish.path,
  );
  return neighbour
    ? [
        ...choosing,
        `Clouds ${neighbour.name} and ${name} publish into the same folder; give each its own unless their regions differ.`,
      ]
    : choosing;
}

function mirrorMeaning(mirror: MirrorSettings): string {
  const trust = mirror.signature === 'require' ? `signed by a key of ${mirror.keyring}` : 'unsigned';
  const amount =
    mirror.max === undefined
      ? 'every version'
      : mirror.max === 1
        ? 'the newest version'
        : `the ${mirror.max} newest versions`;
  const fallbacks =
    mirror.fallbackUrls.length > 0 ? ` (or ${mirror.fallbackUrls.map(printableUrl).join(', ')})` : '';
  const what = mirror.filters.length > 0 ? `items with ${mirror.filters.join(' and ')}` : 'all items';
  const gone = mirror.keep ? 'kept while there are no more than that' : 'superseded';
  return (
    `Mirror ${mirror.name} reads ${printableUrl(mirror.url)}${mirror.path}${fallbacks}, ${trust}, and brings ${amount} of each product, ` +
    `${what}, into ${mirror.clouds.join(', ')} as ${mirror.visibility} images named ${mirror.namePrefix}…, content id ${mirror.contentId}; ` +
    `versions that left the mirror are ${gone}; ${retirementMeaning(mirror)}; it runs ${scheduleMeaning(mirror.schedule)}.`
  );
}

function retirementMeaning({ retire, retireAfter, inUse }: MirrorSettings): string {
  const later = `and deleted after ${formatDuration(retireAfter)}`;
  const superseded = {
    delete: 'deleted',
    hide: `hidden ${later}`,
    deactivate: `deactivated ${later}`,
    community: `made community images ${later}`,
  }[retire];
  const used = {
    hide: ', those that servers use hidden until they are free',
    keep: ', but for those that servers use',
    delete: ', in use or not',
  }[inUse];
  return `superseded versions are ${superseded}${used}`;
}

function scheduleMeaning(schedule: ScheduleSettings | undefined): string {
  if (!schedule) return 'when asked to';
  const spread = schedule.jitterMs > 0 ? `, spread over ${formatDuration(schedule.jitterMs)}` : '';
  const when =
    schedule.cron === undefined
      ? `every ${formatDuration(schedule.everyMs)}`
      : `at ${schedule.cron} (${schedule.timezone})`;
  return `${when}${spread}, once \`image-stream schedule apply\` has set it up`;
}

function cloudMeaning({ name, regions, publish, advertise, cloudName }: CloudSettings): string {
  const where = regions ? `region ${regions.join(', ')}` : 'every region with an image service';
  const named = publish.to === 'none' ? '' : `, as cloud ${cloudName}`;
  const found = advertise ? ' and advertised in Keystone as product-streams' : '';
  return `Cloud ${name}: ${where}; the stream metadata is ${publishMeaning(publish)}${named}${found}.`;
}

function publishMeaning(publish: PublishSettings): string {
  switch (publish.to) {
    case 'swift':
      return `published in the Swift container ${publish.container} under ${publish.prefix || '/'}`;
    case 'directory':
      return `published in the folder ${publish.path}`;
    case 'none':
      return 'not published';
  }
}
