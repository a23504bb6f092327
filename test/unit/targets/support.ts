import type { Digest } from '../../../contracts/sync.js';
import { imageFields } from '../../../targets/glance/image-fields.js';
import { verifiedMark, type InventoryImage } from '../../../targets/glance/inventory.js';
import { planRegion, type CandidateItem, type PlanInput } from '../../../targets/plan.js';

export const DAY = 24 * 3600e3;
export const NOW = Date.parse('2025-06-01T00:00:00Z');
export const PRODUCT = 'com.ubuntu.cloud:server:24.04:amd64';
export const SOURCE = 'com.ubuntu.cloud:released:download';

export const SETTINGS: PlanInput['settings'] = {
  mirror: 'ubuntu',
  contentId: 'auto.sync',
  namePrefix: 'auto-sync/',
  visibility: 'public',
  customProperties: {},
  hypervisorMapping: false,
  max: undefined,
  keep: false,
  retire: 'delete',
  retireAfter: 30 * DAY,
  inUse: 'hide',
};

export function digestOf(hexDigit: string): Digest {
  return { algorithm: 'sha256', hex: hexDigit.repeat(64) };
}

/** An item of the mirror: `version`, or `version/item`; further strings override its own. */
export function item(path: string, more: Record<string, string> = {}, product = PRODUCT): CandidateItem {
  const [version = '', name = 'disk1.img'] = path.split('/');
  const own = new Map(
    Object.entries({
      arch: 'amd64',
      ftype: name,
      os: 'ubuntu',
      release: 'noble',
      version: '24.04',
      pubname: `ubuntu-noble-24.04-amd64-server-${version}`,
      ...more,
    }),
  );
  return {
    product,
    version,
    item: name,
    data: new Map([...own, ['path', `server/${version}/${name}`]]),
    ownData: own,
    sourceContentId: SOURCE,
    path: `server/${version}/${name}`,
    facts: { size: 1000, digest: digestOf('a') },
  };
}

/** The image that a sync of the item leaves in Glance. */
export function imageOf(candidate: CandidateItem, more: Partial<InventoryImage> = {}): InventoryImage {
  const digest = 'digest' in candidate.facts ? candidate.facts.digest : digestOf('0');
  const fields = imageFields({ ...candidate, digest }, SETTINGS);
  const { product, version, item: name, sourceContentId } = candidate;
  const image: InventoryImage = {
    id: `id-${product.length}-${version}-${name}`,
    name: fields.name,
    status: 'active',
    visibility: fields.visibility,
    hidden: false,
    size: 1000,
    checksum: 'c'.repeat(32),
    createdAt: '2024-01-01T00:00:00Z',
    product,
    version,
    item: name,
    sourceContentId,
    mirror: 'ubuntu',
    digest: `${digest.algorithm}:${digest.hex}`,
    properties: fields.properties,
    ...more,
  };
  return { ...image, properties: { image_stream_verified: verifiedMark(image), ...image.properties } };
}

/** The same image as sstream-mirror-glance would have left it. */
export function adopted(candidate: CandidateItem, more: Partial<InventoryImage> = {}): InventoryImage {
  const image = imageOf(candidate);
  const properties = Object.fromEntries(
    Object.entries(image.properties).filter(([key]) => !key.startsWith('image_stream_')),
  );
  return { ...image, mirror: undefined, digest: undefined, properties, ...more };
}

export function input(more: Partial<PlanInput> = {}): PlanInput {
  return {
    cloud: 'prod',
    region: 'RegionOne',
    settings: SETTINGS,
    items: [],
    sourceContentIds: new Set([SOURCE]),
    images: [],
    position: { cursor: '', failed: [], repaired: [] },
    pageSize: 50,
    preview: false,
    now: NOW,
    usage: new Map(),
    ...more,
  };
}

/** A plan in short: `upload 20240101/disk1.img`, `remove 20230101/disk1.img superseded`. */
export function planned(more: Partial<PlanInput>): string[] {
  const { items, removals } = planRegion(input(more));
  return [
    ...items.map(({ action, version, item: name }) => `${action} ${version}/${name}`),
    ...removals.map(({ version, item: name, reason }) => `remove ${version}/${name} ${reason}`),
  ];
}
