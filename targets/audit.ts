import type { MetadataDifference } from '../contracts/sync.js';
import type { PublishedItem } from '../simplestreams/index.js';
import { isVerified, type InventoryImage } from './glance/inventory.js';
import type { CandidateItem } from './plan.js';
import { itemsOf } from './publish/compare-documents.js';

export interface AuditInput {
  mirror: string;
  region: string;
  /** Every image with an identity under the content id. */
  images: readonly InventoryImage[];
  /** Items of the mirror. */
  items: readonly CandidateItem[];
  /** The products document as it is published. */
  published: string | undefined;
}

const DIGESTS = ['md5', 'sha256', 'sha512'] as const;

/**
 * Sizes and digests against each other: those that Glance computed of each image of this mirror against those that the mirror
 * signs, and those of every published item against Glance's. What neither names is not compared.
 */
export function auditImages(input: AuditInput): MetadataDifference[] {
  return [...againstMirror(input), ...againstGlance(input)];
}

function* againstMirror({ mirror, images, items }: AuditInput): Generator<MetadataDifference> {
  const source = new Map(items.map((item) => [identity(item), item.data]));
  for (const image of images) {
    if (image.mirror !== mirror || image.status !== 'active' || !isVerified(image)) continue;
    const said = source.get(identity(image));
    const wrong = said ? contradictions(said, factsOf(image)) : [];
    if (wrong.length > 0) yield difference(image, `${image.id} in Glance`, wrong, 'the mirror');
  }
}

function* againstGlance({ region, images, published }: AuditInput): Generator<MetadataDifference> {
  const byId = new Map(images.map((image) => [image.id, image]));
  for (const item of itemsOf(published) ?? []) {
    if (item.data.get('region') !== region) continue;
    const id = item.data.get('id') ?? '';
    const image = byId.get(id);
    if (image?.status !== 'active') {
      const state = image ? `is ${image.status}` : 'is not there, or is no image of this content id';
      yield {
        kind: 'item',
        what: nameOf(item),
        state: 'wrong',
        why: `it names the image ${id}, which ${state}`,
      };
      continue;
    }
    const wrong = contradictions(item.data, factsOf(image));
    if (wrong.length > 0) yield difference(item, 'what is published', wrong, 'Glance');
  }
}

/** Size and digests as Glance computed them. */
function factsOf({ size, checksum, osHash }: InventoryImage): Map<string, string> {
  const facts = new Map<string, string>();
  if (size !== undefined) facts.set('size', String(size));
  if (checksum !== undefined) facts.set('md5', checksum);
  if (osHash) facts.set(osHash.algorithm, osHash.hex);
  return facts;
}

function contradictions(said: ReadonlyMap<string, string>, found: ReadonlyMap<string, string>): string[] {
  return ['size', ...DIGESTS].filter((key) => {
    const [a, b] = [said.get(key), found.get(key)];
    return a !== undefined && b !== undefined && a.toLowerCase() !== b.toLowerCase();
  });
}

function difference(
  item: Pick<PublishedItem, 'product' | 'version' | 'item'>,
  which: string,
  wrong: readonly string[],
  than: string,
): MetadataDifference {
  const why = `${which} has another ${wrong.join(', ')} than ${than} says`;
  return { kind: 'item', what: nameOf(item), state: 'wrong', why };
}

function nameOf({ product, version, item }: Pick<PublishedItem, 'product' | 'version' | 'item'>): string {
  return `${product} ${version} ${item}`;
}

function identity({ product, version, item }: Pick<PublishedItem, 'product' | 'version' | 'item'>): string {
  return JSON.stringify([product, version, item]);
}
