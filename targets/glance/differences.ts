import type { ImageFields } from '../../contracts/sync.js';
import { RETIRED, isRetired, type InventoryImage } from './inventory.js';

/** Properties that say who an image is; an image of another tool keeps its own metadata, which may follow a modified file. */
const OWN_WORDS = new Set(['image_stream_mirror', 'image_stream_digest', 'simplestreams_metadata']);

/**
 * Which fields of an image are not as they should be, by name. An image that another tool uploaded is only looked at for what a
 * user of it would notice: visibility, hidden, deactivated.
 */
export function differences(image: InventoryImage, wanted: ImageFields): string[] {
  const differs: string[] = [];
  if (image.status === 'deactivated') differs.push('status');
  if (image.visibility !== wanted.visibility) differs.push('visibility');
  if (image.hidden) differs.push('os_hidden');
  if (isRetired(image)) differs.push(RETIRED);
  if (image.mirror === undefined) return differs;
  if (image.name !== wanted.name) differs.push('name');
  for (const [key, value] of Object.entries(wanted.properties)) {
    if (image.properties[key] !== value) differs.push(key);
  }
  return differs;
}

/** The properties to write on an image so that it is as wanted; what others added stays. */
export function propertiesToWrite(
  image: { mirror: string | undefined; properties: Readonly<Record<string, string>> },
  wanted: ImageFields,
  mark: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const changes: Record<string, string> = {};
  for (const [key, value] of Object.entries({ ...wanted.properties, ...mark })) {
    if (image.mirror === undefined && OWN_WORDS.has(key)) continue;
    if (image.properties[key] !== value) changes[key] = value;
  }
  return changes;
}
