import type { PublishedItem } from '../../simplestreams/index.js';
import { parseJson, isObject } from '../../simplestreams/index.js';
import { isRetired, isVerified, type InventoryImage } from '../glance/inventory.js';

/** Where the images are, as every published item says it. */
export interface PublishedPlace {
  region: string;
  /** Auth URL of the cloud. */
  endpoint: string;
  /** Project id. */
  owner: string;
}

/** Which item of a version Juju shall have, best first; it takes any of those it finds. */
const PREFERRED = ['disk1.img', 'disk.img'];

const VIRT: ReadonlyMap<string | undefined, string> = new Map([
  ['qemu', 'kvm'],
  ['lxc', 'lxd'],
]);

/**
 * The active images that are neither hidden nor retired as items of an image-ids stream (simplestreams reference §4.7, Juju's rules in the OpenStack reference §2b):
 * one item a version and virt, virt on all versions of a product or on none, every value a string.
 */
export function publishedImages(images: readonly InventoryImage[], place: PublishedPlace): PublishedItem[] {
  const active = images.filter(
    (image) => image.status === 'active' && isVerified(image) && !image.hidden && !isRetired(image),
  );
  const mapped = new Map<string, boolean>();
  for (const { product, properties } of active) {
    mapped.set(product, (mapped.get(product) ?? true) && VIRT.has(properties.hypervisor_type));
  }
  const chosen = new Map<string, { rank: number; image: InventoryImage; item: PublishedItem }>();
  for (const image of active) {
    const item = publishedItem(image, place, mapped.get(image.product) ?? false);
    const key = JSON.stringify([image.product, image.version, item.data.get('virt') ?? '']);
    const rank = rankOf(image, item);
    const rival = chosen.get(key);
    if (!rival || rank < rival.rank || (rank === rival.rank && before(image, rival.image))) {
      chosen.set(key, { rank, image, item });
    }
  }
  return [...chosen.values()].map(({ item }) => item);
}

function publishedItem(image: InventoryImage, place: PublishedPlace, withVirt: boolean): PublishedItem {
  const { product, version, item, name, id, checksum, size, properties } = image;
  const data = metadata(properties.simplestreams_metadata);
  const virt = VIRT.get(properties.hypervisor_type);
  if (withVirt && virt !== undefined) data.set('virt', virt);
  else data.delete('virt');
  if (differs(data.get('md5'), checksum) || differs(data.get('size'), size)) {
    // The file was changed after its download (a modify hook): what the mirror says of its bytes is not true of it.
    for (const key of ['sha256', 'sha512']) data.delete(key);
  }
  if (checksum !== undefined) data.set('md5', checksum);
  if (size !== undefined) data.set('size', String(size));
  data.set('name', name);
  data.set('id', id);
  data.set('region', place.region);
  data.set('endpoint', place.endpoint);
  data.set('owner_id', place.owner);
  return { product, version, item, data };
}

function differs(said: string | undefined, found: string | number | undefined): boolean {
  return said !== undefined && found !== undefined && said !== String(found);
}

/** The strings of `simplestreams_metadata`; whatever is not one is left out, since the property can be edited by hand. */
function metadata(json: string | undefined): Map<string, string> {
  const data = new Map<string, string>();
  try {
    const value = parseJson(json ?? '{}');
    if (isObject(value)) for (const [key, one] of value) if (typeof one === 'string') data.set(key, one);
  } catch {
    return data;
  }
  return data;
}

function rankOf({ item }: InventoryImage, { data }: PublishedItem): number {
  const rank = PREFERRED.indexOf(data.get('ftype') ?? item);
  return rank < 0 ? PREFERRED.length : rank;
}

/** An image whose bytes were compared comes before one of which another tool says what it is. */
function before(a: InventoryImage, b: InventoryImage): boolean {
  if ((a.mirror === undefined) !== (b.mirror === undefined)) return a.mirror !== undefined;
  return a.item !== b.item ? a.item < b.item : a.id < b.id;
}
