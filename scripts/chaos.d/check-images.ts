import type { GlanceImage } from '../../openstack/index.js';
import { identityOf, type Version } from './changing-mirror.js';
import { imageIdentity } from './glance-watch.js';
import { groupBy } from './group-by.js';

export interface Expectation {
  wanted: readonly Version[];
  contentId: string;
  sourceContentId: string;
  mirrorName: string;
  namePrefix: string;
}

const ARCHITECTURE: Record<string, string> = { amd64: 'x86_64', arm64: 'aarch64' };

/** What is wrong with the images of our content id; written down anew rather than asked of the code that is tested. */
export function brokenImages(images: readonly GlanceImage[], expected: Expectation): string[] {
  const broken: string[] = [];
  const byIdentity = groupBy(images, imageIdentity);
  for (const version of expected.wanted) {
    const identity = identityOf(version);
    const found = byIdentity.get(identity) ?? [];
    byIdentity.delete(identity);
    if (found.length !== 1) {
      const states = found.map(({ id, status }) => `${id} ${status}`).join(', ') || 'none';
      broken.push(`${identity}: one active image is wanted, there are ${found.length} (${states})`);
    }
    for (const image of found) {
      const differing = differences(image, version, expected);
      if (differing.length > 0) broken.push(`${identity}: image ${image.id}: ${differing.join('; ')}`);
    }
  }
  for (const [identity, left] of byIdentity)
    for (const { id, status } of left) broken.push(`${identity}: image ${id} (${status}) is not wanted`);
  return broken;
}

function differences(image: GlanceImage, version: Version, expected: Expectation): string[] {
  const [, , release = '', arch = ''] = version.product.split(':');
  const wanted: Record<string, unknown> = {
    status: 'active',
    visibility: 'public',
    osHidden: false,
    name: `${expected.namePrefix}ubuntu-${release}-${arch}-server-${version.version}-${version.item}`,
    size: version.size,
    osHashAlgo: 'sha512',
    osHashValue: version.sha512,
    checksum: version.md5,
    diskFormat: 'qcow2',
    containerFormat: 'bare',
  };
  const properties: Record<string, string> = {
    content_id: expected.contentId,
    source_content_id: expected.sourceContentId,
    product_name: version.product,
    version_name: version.version,
    item_name: version.item,
    os_distro: 'ubuntu',
    os_version: release,
    architecture: ARCHITECTURE[arch] ?? arch,
    image_stream_mirror: expected.mirrorName,
    image_stream_digest: `sha256:${version.sha256}`,
  };
  const fields = { ...image } as Record<string, unknown>;
  const differing = [
    ...Object.entries(wanted).map(([name, value]) => [name, fields[name], value] as const),
    ...Object.entries(properties).map(([name, value]) => [name, image.properties[name], value] as const),
  ].filter(([, is, value]) => is !== value);
  const lines = differing.map(([name, is, value]) => `${name} is ${String(is)} and not ${String(value)}`);
  if (!image.properties.image_stream_verified) lines.push('it carries no mark of verification');
  return lines;
}
