import { afterAll, beforeAll, expect, test } from 'vitest';
import { KeystoneAdmin, Session } from '../../openstack/index.js';
import { localCloud, localSession, uniqueName } from '../support/cloud.js';

/** A service type of this test's own: others use the cloud at the same time. */
const type = uniqueName('openstack-test');
const region = uniqueName('Region');
let session: Session;
let admin: KeystoneAdmin;

beforeAll(async () => {
  session = await localSession('local-admin');
  admin = new KeystoneAdmin(session);
  await keystone('POST', '/regions', { region: { id: region } });
});

afterAll(async () => {
  for (const service of await admin.listServices({ type })) {
    for (const { id } of await admin.listEndpoints({ serviceId: service.id })) await admin.deleteEndpoint(id);
    await admin.deleteService(service.id);
  }
  await keystone('DELETE', `/regions/${region}`);
  await session.close();
});

async function keystone(method: 'POST' | 'DELETE', path: string, body?: unknown): Promise<void> {
  await session.request({
    action: 'identity',
    service: 'Keystone',
    method,
    url: `${await session.identityRoot()}${path}`,
    ...(body !== undefined && {
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    }),
  });
}

test('a service is created, then left alone, then updated', async () => {
  const wanted = { type, name: 'image-stream', description: 'Product Streams' };
  const first = await admin.ensureService(wanted);
  expect(first).toMatchObject({ change: 'created', service: { ...wanted, enabled: true } });
  expect(await admin.ensureService(wanted)).toMatchObject({
    change: 'unchanged',
    service: { id: first.service.id },
  });
  const described = { ...wanted, description: 'Product Streams of image-stream' };
  expect(await admin.ensureService(described)).toMatchObject({ change: 'updated', service: described });
  expect(await admin.listServices({ type })).toHaveLength(1);
});

test('two who make a service at the same moment go on with the same one', async () => {
  const twin = { type: `${type}-twin`, name: 'image-stream', description: 'made by two at once' };
  const other = new Session(await localCloud('local-admin'));
  try {
    const made = await Promise.all([admin.ensureService(twin), new KeystoneAdmin(other).ensureService(twin)]);
    const left = (await admin.listServices({ type: twin.type })).map(({ id }) => id).sort();
    for (const { service } of made) expect(left).toContain(service.id);
    for (const one of [admin, new KeystoneAdmin(other)]) {
      expect(await one.ensureService(twin)).toMatchObject({ change: 'unchanged', service: { id: left[0] } });
    }
  } finally {
    for (const { id } of await admin.listServices({ type: twin.type })) await admin.deleteService(id);
    await other.close();
  }
});

test('endpoints of two regions are created, left alone, updated and chosen by region and interface', async () => {
  const { service } = await admin.ensureService({ type, name: 'image-stream', description: '' });
  const wanted = (where: string, choice: 'public' | 'internal', url: string) => ({
    serviceId: service.id,
    region: where,
    interface: choice,
    url,
  });
  const one = wanted('RegionOne', 'public', 'http://127.0.0.1:1/one');
  expect(await admin.ensureEndpoint(one)).toMatchObject({ change: 'created', duplicates: [] });
  expect(await admin.ensureEndpoint(one)).toMatchObject({ change: 'unchanged' });
  await admin.ensureEndpoint(wanted(region, 'public', 'http://127.0.0.1:1/two'));
  await admin.ensureEndpoint(wanted(region, 'internal', 'http://127.0.0.1:1/two-inside/'));

  await session.authenticate();
  expect(session.regions(type)).toEqual(['RegionOne', region].sort());
  expect(session.endpoint(type, 'RegionOne')).toBe('http://127.0.0.1:1/one');
  expect(session.endpoint(type, region)).toBe('http://127.0.0.1:1/two');
  expect(session.endpoint(type, region, 'internal')).toBe('http://127.0.0.1:1/two-inside');

  expect(await admin.ensureEndpoint({ ...one, url: 'http://127.0.0.1:1/moved' })).toMatchObject({
    change: 'updated',
    before: 'http://127.0.0.1:1/one',
  });
  await session.authenticate();
  expect(session.endpoint(type, 'RegionOne')).toBe('http://127.0.0.1:1/moved');
  expect(await admin.listEndpoints({ serviceId: service.id, region: 'RegionOne' })).toHaveLength(1);
});

test('a missing interface, service and region are told apart, with what there is', async () => {
  expect(() => session.endpoint(type, 'RegionOne', 'internal')).toThrow(
    /no internal endpoint of .*only public/,
  );
  expect(() => session.endpoint('no-such-service', 'RegionOne')).toThrow(/no no-such-service service.*image/);
  expect(() => session.endpoint('image', 'regionone')).toThrow(/no region regionone: it has .*RegionOne/);
});

test('a region without endpoints is known to Keystone and not to the catalogue', async () => {
  const empty = uniqueName('Empty');
  await keystone('POST', '/regions', { region: { id: empty } });
  try {
    expect(await session.knownRegions()).toContain(empty);
    expect(() => session.endpoint('image', empty)).toThrow(
      expect.objectContaining({ code: 'RegionUnknown' }),
    );
  } finally {
    await keystone('DELETE', `/regions/${empty}`);
  }
});

test('who is no administrator may not advertise', async () => {
  const member = await localSession('local-member');
  try {
    const wanted = { type, name: 'image-stream', description: 'by a member' };
    const attempt = new KeystoneAdmin(member).ensureService(wanted);
    await expect(attempt).rejects.toMatchObject({
      code: 'AdvertiseForbidden',
      retryable: false,
      details: { status: 403 },
    });
  } finally {
    await member.close();
  }
});

test('the region of clouds.yaml is used where none is named', async () => {
  const config = await localCloud();
  const here = new Session(config);
  const elsewhere = new Session({ ...config, regionName: 'Nowhere' });
  try {
    await here.authenticate();
    await elsewhere.authenticate();
    expect(here.endpoint('image')).toBe(here.endpoint('image', 'RegionOne'));
    expect(() => elsewhere.endpoint('image')).toThrow(expect.objectContaining({ code: 'RegionUnknown' }));
  } finally {
    await here.close();
    await elsewhere.close();
  }
});
