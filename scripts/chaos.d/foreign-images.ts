import { Readable } from 'node:stream';
import { Glance } from '../../openstack/index.js';
import { localSession, type LocalUser } from '../../test/support/cloud.js';
import { REGION } from './place.js';

/** Images that are somebody else's, as alike to ours as they can be, and how they are now. */
export class ForeignImages {
  private constructor(
    private readonly ids: ReadonlyMap<string, LocalUser>,
    private readonly before: string,
  ) {}

  static async put(contentId: string, product: string, marker: string): Promise<ForeignImages> {
    const ids = new Map<string, LocalUser>();
    const identity = { product_name: product, version_name: '20260001', item_name: 'disk1.img' };
    const kinds = [
      { user: 'local', properties: {} },
      { user: 'local', properties: { content_id: `${contentId}.theirs`, ...identity } },
      { user: 'local-member', properties: { content_id: contentId, ...identity } },
    ] as const;
    for (const [index, { user, properties }] of kinds.entries()) {
      const session = await localSession(user);
      const glance = new Glance(session, REGION);
      const visibility = user === 'local' ? 'public' : 'private';
      const formats = { diskFormat: 'raw', containerFormat: 'bare' };
      const image = await glance.create({ name: `${marker}-${index}`, ...formats, visibility, properties });
      const bytes = Buffer.from(`somebody else's ${index}`);
      await glance.upload(image.id, Readable.from([bytes]), { size: bytes.length });
      ids.set(image.id, user);
      await session.close();
    }
    const foreign = new ForeignImages(ids, '');
    return new ForeignImages(ids, await foreign.#now());
  }

  has(id: string): boolean {
    return this.ids.has(id);
  }

  async broken(): Promise<string[]> {
    const now = await this.#now();
    return now === this.before ? [] : [`images of others were changed: ${this.before} became ${now}`];
  }

  async remove(): Promise<void> {
    for (const [id, user] of this.ids) await withGlance(user, (glance) => glance.delete(id));
  }

  async #now(): Promise<string> {
    const images = [];
    for (const [id, user] of this.ids) images.push(await withGlance(user, (glance) => glance.find(id)));
    return JSON.stringify(images);
  }
}

async function withGlance<T>(user: LocalUser, work: (glance: Glance) => Promise<T>): Promise<T> {
  const session = await localSession(user);
  try {
    return await work(new Glance(session, REGION));
  } finally {
    await session.close();
  }
}
