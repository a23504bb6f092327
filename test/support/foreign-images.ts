import { Readable } from 'node:stream';
import { Glance, type GlanceImage, type NewImage, type Session } from '../../openstack/index.js';

/** What ours look like, for images that are almost like them. */
export interface Likeness {
  contentId: string;
  /** Of one of our images. */
  name: string;
  properties: Readonly<Record<string, string>>;
}

type Shape = Omit<NewImage, 'diskFormat' | 'containerFormat'> & { bytes?: boolean; deactivated?: boolean };

/** From here on the identities below have whole images as well: the ones that could pass for ours. */
const NEAREST = 10;

/**
 * Images that are not ours, in every way in which they can look like ours: same names, no identity or half of one, the content ids
 * of others, the identity of ours made by another mirror or tool.
 */
function shapes({ contentId, name, properties }: Likeness): Shape[] {
  const without = (...keys: string[]) =>
    Object.fromEntries(Object.entries(properties).filter(([key]) => !keys.includes(key)));
  const own = ['image_stream_mirror', 'image_stream_digest', 'image_stream_verified'];
  const identities: Record<string, string>[] = [
    {},
    { content_id: contentId },
    without('content_id'),
    without('product_name'),
    without('version_name'),
    without('item_name'),
    without('source_content_id', ...own),
    { ...properties, content_id: `${contentId}.other` },
    { ...properties, content_id: contentId.toUpperCase() },
    { ...properties, content_id: ` ${contentId}` },
    { ...without(...own), source_content_id: 'com.example:elsewhere' },
    { ...properties, image_stream_mirror: 'another', image_stream_digest: `sha256:${'0'.repeat(64)}` },
    { ...properties, image_stream_mirror: 'Ubuntu', version_name: '19990101' },
  ];
  const states: Omit<Shape, 'name' | 'properties'>[] = [
    { visibility: 'private' },
    { visibility: 'private', protected: true, tags: ['theirs'] },
    { visibility: 'public' },
    { visibility: 'community', osHidden: true },
    { visibility: 'shared' },
  ];
  const whole: Omit<Shape, 'name' | 'properties'>[] = [
    { visibility: 'public', bytes: true },
    { visibility: 'private', bytes: true, deactivated: true },
  ];
  return identities.flatMap((identity, index) =>
    [...states, ...(index >= NEAREST ? whole : [])].map((state) => ({
      ...state,
      name,
      properties: identity,
    })),
  );
}

/** Fills a project with images that are not ours; returns their ids. */
export async function plantForeign(session: Session, region: string, likeness: Likeness): Promise<string[]> {
  const glance = new Glance(session, region);
  const rest = shapes(likeness);
  const ids: string[] = [];
  const worker = async () => {
    for (let shape = rest.pop(); shape; shape = rest.pop()) ids.push(await plant(glance, shape));
  };
  await Promise.all(Array.from({ length: 6 }, worker));
  return ids;
}

async function plant(glance: Glance, { bytes, deactivated, ...image }: Shape): Promise<string> {
  const { id } = await glance.create({ ...image, diskFormat: 'raw', containerFormat: 'bare' });
  if (bytes) await glance.upload(id, Readable.from([Buffer.from('foreign')]), { size: 7 });
  if (deactivated) await glance.deactivate(id);
  return id;
}

/** Every fact of those images as text, in the order of their ids. */
export async function listingOf(session: Session, region: string, ids: readonly string[]): Promise<string> {
  const wanted = new Set(ids);
  const images: GlanceImage[] = [];
  const owner = session.projectId;
  for await (const image of new Glance(session, region).list({ owner })) {
    if (wanted.has(image.id)) images.push(image);
  }
  return JSON.stringify(
    images.sort((a, b) => (a.id < b.id ? -1 : 1)),
    null,
    1,
  );
}

export async function removeForeign(session: Session, region: string, ids: readonly string[]): Promise<void> {
  const glance = new Glance(session, region);
  for (const id of ids) {
    if ((await glance.find(id))?.protected) await glance.patch(id, { protected: false });
    await glance.delete(id);
  }
}
