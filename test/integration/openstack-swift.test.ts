import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Session, Swift, type ListedObject } from '../../openstack/index.js';
import { localCloud, localSession, uniqueName } from '../support/cloud.js';

let session: Session;
let swift: Swift;
const container = uniqueName('openstack-test');

beforeAll(async () => {
  session = await localSession('local');
  swift = new Swift(session, 'RegionOne');
  await swift.ensureContainer(container);
});

afterAll(async () => {
  for await (const { name } of swift.list(container)) await swift.delete(container, name);
  await swift.deleteContainer(container);
  await session.close();
});

async function names(objects: AsyncIterable<ListedObject>): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of objects) found.push(name);
  return found;
}

test('an object is written, looked at, read and deleted', async () => {
  const bytes = Buffer.from('{"index": {}}');
  const md5 = createHash('md5').update(bytes).digest('hex');
  const name = 'streams/v1/com.example:näme & more%2e.json';
  const headers = { 'x-object-meta-sha256': createHash('sha256').update(bytes).digest('hex') };
  expect(await swift.put(container, name, bytes, { contentType: 'application/json', headers })).toBe(md5);

  const facts = await swift.head(container, name);
  expect(facts).toMatchObject({ etag: md5, size: bytes.length, contentType: 'application/json' });
  expect(facts?.meta).toMatchObject({ sha256: headers['x-object-meta-sha256'] });
  expect(Date.parse(facts?.lastModified ?? '')).toBeGreaterThan(Date.now() - 60_000);

  expect((await swift.get(container, name))?.bytes.equals(bytes)).toBe(true);
  expect(await swift.delete(container, name)).toBe(true);
  expect(await swift.delete(container, name)).toBe(false);
  expect(await swift.get(container, name)).toBeUndefined();
  expect(await swift.head(container, name)).toBeUndefined();
});

test('Swift refuses bytes that are not those of the ETag, and keeps what it had', async () => {
  await swift.put(container, 'kept', Buffer.from('before'));
  const wrong = swift.put(container, 'kept', Buffer.from('after'), { md5: '0'.repeat(32) });
  await expect(wrong).rejects.toMatchObject({
    code: 'EtagMismatch',
    retryable: true,
    details: { status: 422 },
  });
  expect((await swift.get(container, 'kept'))?.bytes.toString()).toBe('before');
});

test('a container is private until its ACL lets anybody read and list', async () => {
  await swift.put(container, 'open.json', Buffer.from('{}'));
  const object = await swift.publicUrl(container, 'open.json');
  expect((await fetch(object)).status).toBe(401);

  expect(await swift.ensureContainer(container, { readAcl: '.r:*,.rlistings' })).toBe('updated');
  expect(await swift.ensureContainer(container, { readAcl: '.r:*,.rlistings' })).toBe('unchanged');
  expect(await swift.ensureContainer(container)).toBe('unchanged');

  expect(await (await fetch(object)).text()).toBe('{}');
  expect((await fetch(await swift.publicUrl(container))).status).toBe(200);
  expect((await fetch(await swift.publicUrl(container, 'index2.json'))).status).toBe(404);
});

test('a container that is not there is created, and a missing one is named', async () => {
  const other = uniqueName('openstack-other');
  await expect(swift.put(other, 'x', Buffer.from('x'))).rejects.toMatchObject({ code: 'NotFound' });
  await expect(names(swift.list(other))).rejects.toMatchObject({
    code: 'NotFound',
    message: expect.stringContaining(other) as unknown,
  });
  try {
    expect(await swift.ensureContainer(other, { readAcl: '.r:*' })).toBe('created');
    expect(await names(swift.list(other))).toEqual([]);
  } finally {
    await swift.deleteContainer(other);
  }
});

test('a listing of many pages has each object once, in the order of names', async () => {
  const wanted = Array.from({ length: 23 }, (_, index) => `page/${String(index).padStart(2, '0')} &=?#`);
  for (const name of wanted) await swift.put(container, name, Buffer.from(name));
  expect(await names(swift.list(container, { prefix: 'page/', pageSize: 5 }))).toEqual(wanted);
  for await (const listed of swift.list(container, { prefix: 'page/00' })) {
    expect(listed).toMatchObject({ size: 12, hash: createHash('md5').update(listed.name).digest('hex') });
  }
});

test('an object larger than the reader allows is refused', async () => {
  await swift.put(container, 'large', Buffer.alloc(4096));
  const read = swift.get(container, 'large', { limit: 1024 });
  await expect(read).rejects.toMatchObject({ code: 'CloudError', retryable: false });
});

test('an account of another project is forbidden', async () => {
  const config = await localCloud('local-member');
  const foreign = { 'object-store': await swift.accountUrl() };
  const member = new Session({ ...config, endpointOverrides: foreign });
  try {
    const attempt = new Swift(member).put(container, 'x', Buffer.from('x'));
    await expect(attempt).rejects.toMatchObject({
      code: 'Forbidden',
      details: { service: 'Swift', status: 403 },
    });
  } finally {
    await member.close();
  }
});
