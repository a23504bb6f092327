import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Glance, type GlanceImage, type NewImage, type Session } from '../../openstack/index.js';
import { localSession, uniqueName } from '../support/cloud.js';

const MIB = 1024 * 1024;
let session: Session;
let glance: Glance;
const made: string[] = [];

beforeAll(async () => {
  session = await localSession('local');
  glance = new Glance(session, 'RegionOne');
});

afterAll(async () => {
  for (const id of made) {
    await glance.patch(id, { protected: false }).catch(() => undefined);
    await glance.delete(id);
  }
  await session.close();
});

async function create(fields: Partial<NewImage> = {}): Promise<GlanceImage> {
  const image = await glance.create({
    name: uniqueName('openstack-test'),
    diskFormat: 'raw',
    containerFormat: 'bare',
    visibility: 'private',
    ...fields,
  });
  made.push(image.id);
  return image;
}

/** Bytes that are not all alike, without holding them in memory. */
function* pattern(mebibytes: number): Generator<Buffer> {
  for (let index = 0; index < mebibytes; index++) yield Buffer.alloc(MIB, `block ${index};`);
}

async function collect(images: AsyncIterable<GlanceImage>): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of images) ids.push(id);
  return ids;
}

test('an image lives from queued over active, public, deactivated and hidden to deleted', async () => {
  const tag = uniqueName('tag');
  const image = await create({ tags: [tag], properties: { content_id: tag, 'odd/~name': 'x' } });
  expect(image).toMatchObject({
    status: 'queued',
    visibility: 'private',
    owner: session.projectId,
    osHidden: false,
    tags: [tag],
    properties: { content_id: tag, 'odd/~name': 'x' },
  });

  const [md5, sha512] = [createHash('md5'), createHash('sha512')];
  for (const block of pattern(64)) {
    md5.update(block);
    sha512.update(block);
  }
  const progress: number[] = [];
  await glance.upload(image.id, Readable.from(pattern(64), { objectMode: false }), {
    size: 64 * MIB,
    onProgress: (sent) => progress.push(sent),
  });
  expect(progress.at(-1)).toBe(64 * MIB);
  expect(progress.length).toBeGreaterThan(10);

  const active = await glance.get(image.id);
  expect(active).toMatchObject({ status: 'active', size: 64 * MIB, checksum: md5.digest('hex') });
  expect(active.osHashAlgo).toBe('sha512');
  expect(active.osHashValue).toBe(sha512.digest('hex'));

  const changed = await glance.patch(image.id, {
    set: { content_id: `${tag}-2`, os_distro: 'ubuntu' },
    remove: ['odd/~name', 'never-there'],
    visibility: 'public',
    name: `${image.name ?? ''}-renamed`,
  });
  expect(changed).toMatchObject({ visibility: 'public', name: `${image.name ?? ''}-renamed` });
  expect(changed.properties).toMatchObject({ content_id: `${tag}-2`, os_distro: 'ubuntu' });
  expect(changed.properties).not.toHaveProperty('odd/~name');

  await glance.deactivate(image.id);
  expect((await glance.get(image.id)).status).toBe('deactivated');
  await glance.reactivate(image.id);
  expect((await glance.get(image.id)).status).toBe('active');

  await glance.patch(image.id, { osHidden: true });
  expect(await collect(glance.list({ properties: { content_id: `${tag}-2` } }))).toEqual([image.id]);
  expect(await collect(glance.list({ properties: { content_id: `${tag}-2` }, hidden: false }))).toEqual([]);

  await glance.patch(image.id, [{ op: 'replace', path: '/protected', value: true }]);
  await expect(glance.delete(image.id)).rejects.toMatchObject({ code: 'Forbidden', retryable: false });
  await glance.patch(image.id, { protected: false });
  expect(await glance.delete(image.id)).toBe(true);
  expect(await glance.delete(image.id)).toBe(false);
  expect(await glance.find(image.id)).toBeUndefined();
  await expect(glance.get(image.id)).rejects.toMatchObject({
    code: 'NotFound',
    details: { service: 'Glance', status: 404 },
  });
});

test('a listing of many pages has each image once, hidden ones too', async () => {
  const mark = uniqueName('paging');
  const ids: string[] = [];
  for (let index = 0; index < 34; index++) {
    ids.push(
      (
        await create({
          name: `${mark}-${index}`,
          properties: { content_id: mark },
          osHidden: index % 3 === 0,
        })
      ).id,
    );
  }
  const filters = { properties: { content_id: mark }, owner: session.projectId, pageSize: 5 };
  expect((await collect(glance.list(filters))).sort()).toEqual([...ids].sort());
  expect(await collect(glance.list({ ...filters, hidden: true }))).toHaveLength(12);
  expect(await collect(glance.list({ ...filters, name: `${mark}-7` }))).toEqual([ids[7]]);
  expect(await collect(glance.list({ ...filters, owner: 'f'.repeat(32) }))).toEqual([]);
});

test('a listing goes on when the image that keeps its place is deleted', async () => {
  const mark = uniqueName('marker');
  const ids: string[] = [];
  for (let index = 0; index < 8; index++) ids.push((await create({ properties: { content_id: mark } })).id);
  const seen: string[] = [];
  for await (const { id } of glance.list({ properties: { content_id: mark }, pageSize: 2, hidden: false })) {
    seen.push(id);
    if (seen.length === 2) await glance.delete(id);
  }
  expect([...seen].sort()).toEqual([...ids].sort());
});

test('a plain member may make private images and no public ones', async () => {
  const member = await localSession('local-member');
  try {
    const asMember = new Glance(member);
    await asMember.probeVisibility('private');
    await expect(asMember.probeVisibility('public')).rejects.toMatchObject({
      code: 'VisibilityForbidden',
      retryable: false,
      details: { service: 'Glance', status: 403 },
    });
    const image = await asMember.create({
      name: uniqueName('member'),
      diskFormat: 'raw',
      containerFormat: 'bare',
      visibility: 'private',
    });
    try {
      await expect(asMember.patch(image.id, { visibility: 'public' })).rejects.toMatchObject({
        code: 'VisibilityForbidden',
      });
    } finally {
      await asMember.delete(image.id);
    }
    for await (const { properties } of asMember.list({ owner: member.projectId })) {
      expect(properties).not.toHaveProperty('image_stream_probe');
    }
  } finally {
    await member.close();
  }
});

test('the owner of the right may make public images', async () => {
  await expect(glance.probeVisibility('public')).resolves.toBeUndefined();
});

test('an image is in the region where it was made and in no other', async () => {
  const regions = session.regions('image');
  for (const region of regions) {
    const mark = uniqueName('region');
    const here = new Glance(session, region);
    const image = await here.create({
      name: mark,
      diskFormat: 'raw',
      containerFormat: 'bare',
      visibility: 'private',
    });
    try {
      for (const other of regions) {
        const found = await collect(new Glance(session, other).list({ name: mark }));
        expect(found).toEqual(other === region ? [image.id] : []);
      }
    } finally {
      await here.delete(image.id);
    }
  }
});

test('bytes for an image that has them are a conflict', async () => {
  const image = await create();
  await glance.upload(image.id, Readable.from([Buffer.from('once')], { objectMode: false }), { size: 4 });
  const again = glance.upload(image.id, Readable.from([Buffer.from('more')], { objectMode: false }), {
    size: 4,
  });
  await expect(again).rejects.toMatchObject({ code: 'Conflict', details: { status: 409 } });
});

test('an image deleted before its bytes come is gone', async () => {
  const image = await create();
  await glance.delete(image.id);
  const upload = glance.upload(image.id, Readable.from(pattern(4), { objectMode: false }), { size: 4 * MIB });
  await expect(upload).rejects.toMatchObject({ code: 'ImageGone', retryable: true });
});

test('an image deleted while its bytes come is gone', async () => {
  const image = await create();
  async function* interrupted(): AsyncGenerator<Buffer> {
    yield* pattern(8);
    await expect.poll(async () => (await glance.get(image.id)).status, { timeout: 20_000 }).toBe('saving');
    await glance.delete(image.id);
    yield* pattern(8);
  }
  const upload = glance.upload(image.id, interrupted(), { size: 16 * MIB });
  await expect(upload).rejects.toMatchObject({ code: 'ImageGone', retryable: true });
});

test('a second writer is a conflict and harms nothing', async () => {
  const image = await create();
  async function* slow(): AsyncGenerator<Buffer> {
    yield* pattern(8);
    await expect.poll(async () => (await glance.get(image.id)).status, { timeout: 20_000 }).toBe('saving');
    const second = glance.upload(image.id, Readable.from(pattern(2), { objectMode: false }), {
      size: 2 * MIB,
    });
    await expect(second).rejects.toMatchObject({ code: 'Conflict' });
    yield* pattern(8);
  }
  await glance.upload(image.id, slow(), { size: 16 * MIB });
  expect(await glance.get(image.id)).toMatchObject({ status: 'active', size: 16 * MIB });
});

test('an upload that is cancelled ends at once and leaves the image queued', async () => {
  const image = await create();
  const cancel = new AbortController();
  async function* interrupted(): AsyncGenerator<Buffer> {
    yield* pattern(2);
    await expect.poll(async () => (await glance.get(image.id)).status, { timeout: 20_000 }).toBe('saving');
    cancel.abort(new Error('cancelled by the test'));
    for (;;) yield* pattern(1);
  }
  const body = Readable.from(interrupted(), { objectMode: false });
  const upload = glance.upload(image.id, body, { size: 4096 * MIB, signal: cancel.signal });
  await expect(upload).rejects.toThrow('cancelled by the test');
  expect(body.destroyed).toBe(true);
  await expect.poll(async () => (await glance.get(image.id)).status, { timeout: 20_000 }).toBe('queued');
  await glance.upload(image.id, Readable.from([Buffer.from('whole')], { objectMode: false }), { size: 5 });
  expect((await glance.get(image.id)).status).toBe('active');
});

test('a body that fails itself ends the upload with its own error', async () => {
  const image = await create();
  const upload = glance.upload(image.id, failing(), { size: 8 * MIB });
  await expect(upload).rejects.toThrow('the disk broke');
});

test('a body of fewer or more bytes than announced is refused', async () => {
  for (const size of [1000, 3]) {
    const image = await create();
    const upload = glance.upload(image.id, Readable.from([Buffer.from('four')], { objectMode: false }), {
      size,
    });
    await expect(upload).rejects.toMatchObject({ code: 'SizeMismatch' });
    expect((await glance.get(image.id)).status).not.toBe('active');
  }
});

test('a slow body does not count as a stalled upload', async () => {
  const image = await create();
  async function* slow(): AsyncGenerator<Buffer> {
    yield Buffer.from('held ');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    yield Buffer.from('back');
  }
  await glance.upload(image.id, slow(), { size: 9, stallTimeout: 300 });
  expect(await glance.get(image.id)).toMatchObject({ status: 'active', size: 9 });
});

test('a session that is closed ends what is under way', async () => {
  const own = await localSession('local');
  const image = await create();
  const body = Readable.from(endless(), { objectMode: false });
  const upload = new Glance(own).upload(image.id, body, { size: 4096 * MIB });
  await once(body, 'data');
  await own.close();
  await expect(upload).rejects.toMatchObject({ code: 'Cancelled' });
});

async function* endless(): AsyncGenerator<Buffer> {
  for (;;) yield* pattern(1);
}

async function* failing(): AsyncGenerator<Buffer> {
  yield* pattern(2);
  throw new Error('the disk broke');
}
