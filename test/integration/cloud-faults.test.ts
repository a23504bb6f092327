import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Glance, Swift, type Session } from '../../openstack/index.js';
import { localSession } from '../support/cloud.js';
import { FaultScene } from '../support/fault-scene.js';
import { ServiceProxy, type Interference, type Rule, type RuleOptions } from '../support/service-proxy.js';

// Services are disturbed through proxies of this file's own; glance-killed.test.ts kills a real one.

/** How long Keystone is away. */
const DOWN_MS = process.env.IMAGE_STREAM_FULL ? 60_000 : 8_000;
const FILE = /\/v2\/images\/[^/]+\/file$/;
const ALWAYS = { times: Infinity };

let session: Session;
let glance: Glance;
const open: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  session = await localSession();
  glance = new Glance(session, 'RegionOne');
});

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

afterAll(async () => {
  await session?.close();
});

async function scene(
  ...args: Parameters<typeof FaultScene.open> extends [Session, ...infer Rest] ? Rest : never
) {
  const made = await FaultScene.open(session, ...args);
  open.push(made);
  return made;
}

async function proxyTo(service: 'image' | 'object-store' | 'identity', port = 0): Promise<ServiceProxy> {
  const upstream = service === 'identity' ? session.config.authUrl : session.endpoint(service, 'RegionOne');
  const proxy = await ServiceProxy.start(upstream, port);
  open.push(proxy);
  return proxy;
}

const uploadedId = (rule: Rule): string => rule.met.at(-1)?.path.split('/').at(-2) ?? '';

test('one sync meets every fault of Glance: each image is there once and right, or not at all with a reason', async () => {
  const arriving = {
    refused: 1_100_001,
    busy: 100_002,
    taken: 100_003,
    cut: 3_000_004,
    unheard: 100_005,
    damaged: 100_006,
    midway: 6_000_007,
    vanished: 100_008,
    unseen: 1_100_009,
    'unseen-small': 100_010,
  };
  const lost = { forbidden: 100_011, quota: 1_100_012, 'always-taken': 100_013, 'always-damaged': 1_100_014 };
  const sizes: Record<string, number> = { ...arriving, ...lost };
  const faults = await scene(sizes);
  const proxy = await proxyTo('image');
  await faults.through({ image: proxy });
  const onUpload = (name: string, action: Interference, options: RuleOptions = {}): Rule =>
    proxy.rule(action, { method: 'PUT', path: FILE, length: sizes[name] ?? 0, ...options });

  proxy.rule({ kind: 'status', status: 401 }, { method: 'GET', path: /\/v2\/images\?/ });
  onUpload('refused', { kind: 'status', status: 401 });
  onUpload('busy', { kind: 'status', status: 503, headers: { 'retry-after': '1' } });
  onUpload('taken', { kind: 'status', status: 409 });
  onUpload('cut', { kind: 'cut', afterBytes: 1_500_000 });
  onUpload('unheard', { kind: 'lose-answer' });
  onUpload('forbidden', { kind: 'status', status: 403 }, ALWAYS);
  onUpload('quota', { kind: 'status', status: 413, body: 'The quota of images is used up' }, ALWAYS);
  onUpload('always-taken', { kind: 'status', status: 409 }, ALWAYS);
  let damages = 1;
  const damage = (body: string) => {
    const image = JSON.parse(body) as { size: number | null; os_hash_value: string | null };
    const wrong = image.size === lost['always-damaged'] || (image.size === arriving.damaged && damages-- > 0);
    return wrong ? JSON.stringify({ ...image, os_hash_value: '0'.repeat(128) }) : body;
  };
  proxy.rule(
    { kind: 'rewrite', change: damage },
    { method: 'GET', path: /\/v2\/images\/[^/?]+$/, ...ALWAYS },
  );

  const midway = onUpload('midway', { kind: 'pause', afterBytes: 1_000_000 });
  const vanished = onUpload('vanished', { kind: 'hold-answer' });
  const deleteHeld = async (held: Rule, id: string) => {
    await held.hit;
    await glance.delete(id || uploadedId(held));
    held.release();
  };
  const deleteBeforeShown = async (name: string) => {
    const upload = onUpload(name, { kind: 'hold-answer' });
    await upload.hit;
    const id = uploadedId(upload);
    const shown = proxy.rule({ kind: 'hold' }, { method: 'PATCH', path: new RegExp(id) });
    upload.release();
    await deleteHeld(shown, id);
  };
  const [outcome] = await Promise.all([
    faults.sync(),
    deleteHeld(midway, ''),
    deleteHeld(vanished, ''),
    deleteBeforeShown('unseen'),
    deleteBeforeShown('unseen-small'),
  ]);

  expect(outcome.stderr).toBe('');
  expect(outcome).toMatchObject({
    code: 1,
    error: 'SyncIncomplete',
    added: Object.keys(arriving).length,
  });
  const { failed } = outcome;
  expect(Object.keys(failed).sort()).toEqual(Object.keys(lost).sort());
  expect(failed.forbidden).toMatch(/^Forbidden: Glance answered 403 to upload image \S+ \(PUT \S+\)$/);
  expect(failed.quota).toMatch(/^QuotaExceeded: Glance answered 413 to .*: The quota of images is used up$/);
  expect(failed['always-taken']).toMatch(/^Conflict: Glance answered 409 to .* \(the last of 4 uploads\)$/);
  expect(failed['always-damaged']).toMatch(
    /^HashMismatch: Glance reports another sha512 .* \(the last of 3 uploads\)$/,
  );

  const held = await faults.held();
  expect(Object.keys(held).sort()).toEqual(Object.keys(arriving).sort());
  for (const name of Object.keys(arriving)) expect(held[name], name).toMatchObject(await faults.whole(name));

  const uploads = Object.entries(sizes).map(([name, size]) => {
    return `${name} ${proxy.to('PUT', FILE).filter(({ length }) => length === size).length}`;
  });
  expect(uploads).toEqual([
    'refused 2',
    'busy 2',
    'taken 2',
    'cut 2',
    'unheard 1',
    'damaged 2',
    'midway 2',
    'vanished 2',
    'unseen 2',
    'unseen-small 2',
    'forbidden 1',
    'quota 1',
    'always-taken 4',
    'always-damaged 3',
  ]);
  const shown = new Set(proxy.to('PATCH', /images/).map(({ path }) => path));
  const damagedIds = proxy.to('PUT', FILE).filter(({ length }) => length === lost['always-damaged']);
  for (const { path } of damagedIds) expect(shown).not.toContain(path.replace(/\/file$/, ''));

  proxy.clearRules();
  const next = await faults.sync();
  expect(next).toMatchObject({ code: 0, added: Object.keys(lost).length, failed: {} });
  for (const name of Object.keys(lost))
    expect((await faults.held())[name], name).toMatchObject(await faults.whole(name));
});

test('Swift that fails, lies and loses its container gets the whole metadata in the end; a right that is missing is named', async () => {
  const faults = await scene({ plain: 100_000 }, { publish: true });
  const proxy = await proxyTo('object-store');
  await faults.through({ 'object-store': proxy });
  const { container } = faults;
  const containerPath = new RegExp(`/${container}$`);
  const products = new RegExp(`/${container}/data/streams/v1/${faults.contentId}\\.json$`);
  const index = new RegExp(`/${container}/data/streams/v1/index\\.json$`);

  proxy.rule({ kind: 'status', status: 403 }, { method: 'PUT', path: products, ...ALWAYS });
  const refused = await faults.sync();
  expect(refused).toMatchObject({ code: 1, error: 'Forbidden' });
  expect(proxy.to('PUT', products)).toHaveLength(1);

  proxy.clearRules();
  const swift = new Swift(session, 'RegionOne');
  await swift.deleteContainer(container);
  proxy.rule({ kind: 'status', status: 500 }, { method: 'PUT', path: containerPath });
  proxy.rule({ kind: 'status', status: 422 }, { method: 'PUT', path: products });
  const early = proxy.rule({ kind: 'hold' }, { method: 'PUT', path: products });
  proxy.rule({ kind: 'status', status: 503 }, { method: 'GET', path: index });
  // Swift never saw it, and what answered says that it keeps other bytes.
  proxy.rule(
    { kind: 'status', status: 201, headers: { etag: '0'.repeat(32) } },
    { method: 'PUT', path: index },
  );
  const late = proxy.rule({ kind: 'hold' }, { method: 'PUT', path: index });
  const deleteContainer = async (held: Rule) => {
    await held.hit;
    for await (const { name } of swift.list(container)) await swift.delete(container, name);
    await swift.deleteContainer(container);
    held.release();
  };
  const [outcome] = await Promise.all([faults.sync(), deleteContainer(early), deleteContainer(late)]);
  expect(outcome).toMatchObject({ code: 0, failed: {}, error: undefined });
  const [image] = (await faults.held()).plain ?? [];
  const read = async (name: string) =>
    (await swift.get(container, `data/streams/v1/${name}.json`))?.bytes.toString();
  expect(await read(faults.contentId)).toContain(image?.id);
  expect(await read('index')).toContain(`streams/v1/${faults.contentId}.json`);
  expect(await swift.ensureContainer(container, { readAcl: '.r:*,.rlistings' })).toBe('unchanged');
});

test('a token revoked while Keystone is away: the run waits for it, and an upload under way goes on', async () => {
  const faults = await scene({ flying: 6_000_000, refused: 1_100_000 });
  const image = await proxyTo('image');
  const keystone = await ServiceProxy.start(session.config.authUrl);
  const { url } = keystone;
  await faults.through({ image }, { auth: { auth_url: `${url}/v3` } });
  const flying = image.rule(
    { kind: 'pause', afterBytes: 1_000_000 },
    { method: 'PUT', path: FILE, length: 6_000_000 },
  );
  const refused = image.rule({ kind: 'hold' }, { method: 'PUT', path: FILE, length: 1_100_000 });
  const run = faults.sync();
  await Promise.all([flying.hit, refused.hit]);
  await revoke(refused.met[0]?.token ?? '');
  await keystone.close();

  refused.release();
  await sleep(DOWN_MS);
  expect(refused.met).toMatchObject([{ status: 401 }]);
  expect(flying.met).toMatchObject([{ sent: expect.any(Number) as number, status: 0 }]);
  flying.release();
  const again = await proxyTo('identity', Number(new URL(url).port));
  expect(await run).toMatchObject({ code: 0, added: 2, failed: {} });
  expect(again.to('POST', /auth\/tokens$/).length).toBeGreaterThan(0);
  expect(image.to('PUT', FILE).filter(({ length }) => length === 6_000_000)).toMatchObject([{ status: 204 }]);
  const held = await faults.held();
  for (const name of ['flying', 'refused']) expect(held[name], name).toMatchObject(await faults.whole(name));
});

/** Ends a token, and waits until Glance, which remembers tokens for a while, refuses it. */
async function revoke(token: string): Promise<void> {
  const { authUrl } = session.config;
  const headers = { 'x-auth-token': token };
  const answer = await fetch(`${authUrl.replace(/\/v3$/, '')}/v3/auth/tokens`, {
    method: 'DELETE',
    headers: { ...headers, 'x-subject-token': token },
  });
  expect(answer.status).toBe(204);
  const images = `${session.endpoint('image', 'RegionOne')}/v2/images?limit=1`;
  while ((await fetch(images, { headers })).status !== 401) await sleep(500);
}

test('a run waits for Keystone and for an image service in its catalogue; a wrong password ends it at once', async () => {
  const faults = await scene({ plain: 100_000 });
  const keystone = await proxyTo('identity');
  const tokens = { method: 'POST', path: /\/v3\/auth\/tokens$/ };
  const asked = () => keystone.to('POST', tokens.path).length;
  await faults.through({}, { auth: { auth_url: `${keystone.url}/v3`, password: 'not-the-password' } });
  expect(await faults.sync('--wait', '60')).toMatchObject({ code: 1, error: 'Unauthorized' });
  expect(asked()).toBe(1);

  await faults.through({}, { auth: { auth_url: `${keystone.url}/v3` } });
  const withoutImages = (body: string) => {
    const { token } = JSON.parse(body) as { token: { catalog: { type: string }[] } };
    return JSON.stringify({
      token: { ...token, catalog: token.catalog.filter(({ type }) => type !== 'image') },
    });
  };
  const bare = keystone.rule({ kind: 'rewrite', change: withoutImages }, { ...tokens, ...ALWAYS });
  expect(await faults.sync('--wait', '2')).toMatchObject({
    code: 69,
    error: 'ServicesUnavailable',
  });
  expect(bare.met.length).toBeGreaterThan(1);

  keystone.clearRules();
  keystone.rule({ kind: 'status', status: 503 }, { ...tokens, times: 2 });
  keystone.rule({ kind: 'rewrite', change: withoutImages }, { ...tokens, times: 3 });
  expect(await faults.sync('--wait', '60')).toMatchObject({ code: 0, added: 1 });
});
