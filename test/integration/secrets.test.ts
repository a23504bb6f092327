import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { dump, load } from 'js-yaml';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { connectTemporal } from '../../cli/embedded/connect-temporal.js';
import { findTemporalCli } from '../../cli/embedded/temporal-cli.js';
import { stateFolder } from '../../config/index.js';
import { Glance, Swift, type Session } from '../../openstack/index.js';
import { Workbench, type Finished } from '../support/cli.js';
import { LOCAL_CLOUD, localSession, uniqueName } from '../support/cloud.js';
import { MirrorServer } from '../support/mirror-server.js';
import { makeSmallMirror, ubuntuProduct, type SmallMirror } from '../support/small-mirror.js';

const MIB = 1024 * 1024;
const contentId = uniqueName('secrets.test');
const container = uniqueName('secrets-test');
const noble = ubuntuProduct('24.04');

/** As a user writes them into URLs; the password needs escaping, so it has more than one spelling. */
const user = 'mirror-reader-u5e7';
const password = 'S3cret/of:the@mirror';
const escaped = encodeURIComponent(password);
const redirected = 'tokenInTheLocation9f3a';
const wrongPassword = 'not-the-pa55word-of-keystone';
/** Keystone's Fernet tokens: version byte 0x80, then a time. */
const TOKEN = /gAAAAA[\w-]{40,}/;

let session: Session;
let bench: Workbench;
let mirror: SmallMirror;
let server: MirrorServer;
let secrets: string[];
const outputs: Finished[] = [];

const cloudsSchema = z.object({
  clouds: z.record(
    z.string(),
    z.looseObject({ auth: z.looseObject({ password: z.string(), auth_url: z.string() }) }),
  ),
});

function configuration(cloud: string, overrides: Record<string, unknown> = {}) {
  const { host } = new URL(server.url);
  return {
    clouds: [{ name: cloud, publish: { to: 'swift', container, prefix: 'data/' } }],
    mirrors: [
      {
        name: 'guarded',
        url: `http://${user}:${escaped}@${host}/`,
        fallback_urls: [`http://${user}:${escaped}@${host}/fall-back/`],
        path: mirror.indexPath,
        signature: 'skip',
        filters: ['ftype=disk1.img'],
        content_id: contentId,
        name_prefix: `${contentId}/`,
        visibility: 'private',
        small_item_limit: '100KiB',
        ...overrides,
      },
    ],
  };
}

async function run(args: string[]): Promise<Finished> {
  const finished = await bench.run(args);
  outputs.push(finished);
  return finished;
}

/** The secrets that a text holds; a token in its pattern's words. */
function secretsIn(text: string): string[] {
  return [...secrets.filter((secret) => text.includes(secret)), ...(TOKEN.exec(text) ?? [])];
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** Every text and every payload of a decoded history, whatever its shape. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (value instanceof Uint8Array) return [Buffer.from(value).toString('latin1')];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(textsOf);
}

/** All that the Temporal server of the bench would tell anybody. */
async function histories(): Promise<{ runs: number; text: string }> {
  const access = await connectTemporal({
    stateFolder: stateFolder({ file: bench.configFile }, bench.env),
    env: bench.env,
    findCli: async () => (await findTemporalCli({ env: bench.env })).path,
  });
  const connection = await Connection.connect({ address: access.address });
  const client = new Client({ connection, namespace: access.namespace });
  const texts: string[] = [];
  let runs = 0;
  for await (const { workflowId, runId, memo } of client.workflow.list()) {
    runs += 1;
    texts.push(
      JSON.stringify(memo),
      ...textsOf(await client.workflow.getHandle(workflowId, runId).fetchHistory()),
    );
  }
  await connection.close();
  await access.close();
  return { runs, text: texts.join('\n') };
}

beforeAll(async () => {
  session = await localSession();
  bench = await Workbench.open('secrets');
  mirror = await makeSmallMirror(bench.mirrorRoot, [
    { product: noble, version: '20240101', size: 8 * MIB },
    { product: ubuntuProduct('22.04'), version: '20240101', size: 50_000 },
  ]);
  server = await MirrorServer.start(mirror.root);
  const { clouds } = cloudsSchema.parse(load(await readFile(join(LOCAL_CLOUD, 'clouds.yaml'), 'utf8')));
  const { local } = clouds;
  if (!local) throw new Error('the local cloud has no entry "local"');
  clouds.wrong = { ...local, auth: { ...local.auth, password: wrongPassword } };
  const cloudsFile = join(bench.folder, 'clouds.yaml');
  await writeFile(cloudsFile, dump({ clouds }), { mode: 0o600 });
  bench.env.OS_CLIENT_CONFIG_FILE = cloudsFile;
  const basic = Buffer.from(`${user}:${password}`).toString('base64');
  secrets = [user, password, escaped, basic, redirected, wrongPassword, local.auth.password];
});

afterAll(async () => {
  await bench?.close();
  await server?.close();
  if (!session) return;
  const glance = new Glance(session, 'RegionOne');
  for await (const { id } of glance.list({ properties: { content_id: contentId } })) await glance.delete(id);
  const swift = new Swift(session, 'RegionOne');
  await swift.ensureContainer(container);
  for await (const { name } of swift.list(container)) await swift.delete(container, name);
  await swift.deleteContainer(container);
  await session.close();
});

test('a token of this Keystone is what the search below would find', async () => {
  const { clouds } = cloudsSchema.parse(load(await readFile(join(LOCAL_CLOUD, 'clouds.yaml'), 'utf8')));
  const auth = clouds.local?.auth;
  const domain = { id: 'default' };
  const identity = {
    methods: ['password'],
    password: { user: { name: auth?.username, password: auth?.password, domain } },
  };
  const answer = await fetch(`${auth?.auth_url}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ auth: { identity } }),
  });
  expect(answer.status).toBe(201);
  expect(answer.headers.get('x-subject-token')).toMatch(TOKEN);
});

test('syncs that fail and succeed send the credentials to the mirror and show them nowhere', async () => {
  const path = mirror.file(noble, '20240101');

  // Keystone refuses.
  await bench.configure(configuration('wrong'));
  const refused = await run(['--debug', 'sync']);
  expect(refused.stderr).toMatch(/^Unauthorized: /);

  await bench.configure(configuration('local'));
  // The mirror refuses, here and at its fall-back.
  for (const prefix of ['', 'fall-back/'])
    server.faultAlways(`${prefix}${mirror.indexPath}`, { kind: 'status', status: 401 });
  const forbidden = await run(['--debug', 'sync', '--wait', '3']);
  expect(forbidden.stderr).toMatch(/^MirrorForbidden: http:\/\/127\.0\.0\.1:\d+\/\S+ answered 401/);

  // It redirects to an address with credentials of its own, in a loop.
  const location = `${server.url.replace('//', `//someone:${redirected}@`)}${mirror.indexPath}?token=${redirected}`;
  for (const prefix of ['', 'fall-back/'])
    server.faultAlways(`${prefix}${mirror.indexPath}`, { kind: 'redirect', location });
  const lost = await run(['--debug', 'sync', '--wait', '3']);
  expect(lost.stderr).toMatch(/^MirrorRedirect: /);
  server.clearFaults();

  // A transfer is cut by kill -9, so that what a later one needs is on disk; meanwhile another item has wrong bytes.
  server.faultAlways(mirror.file(ubuntuProduct('22.04'), '20240101'), { kind: 'wrong-bytes' });
  server.faultAlways(path, { kind: 'throttle', bytesPerSecond: MIB });
  const cut = bench.start(['sync']);
  while (server.bytes(path) < 2 * MIB && cut.exitCode === null) await sleep(50);
  cut.kill('SIGKILL');
  outputs.push(await cut.finished);
  const staged = await filesBelow(bench.staging);
  expect(staged.filter((name) => name.includes('.part')).length).toBeGreaterThan(1);
  for (const name of staged) expect(secretsIn(await readFile(name, 'latin1')), name).toEqual([]);

  // Wrong bytes, then right ones.
  server.clearFaults();
  server.faultAlways(mirror.file(ubuntuProduct('22.04'), '20240101'), { kind: 'wrong-bytes' });
  const incomplete = await run(['--debug', 'sync']);
  expect(incomplete.stderr).toMatch(/^SyncIncomplete: /);
  server.clearFaults();
  const done = await run(['--output', 'json', 'sync']);
  expect(done.code, done.stderr).toBe(0);
  const { host } = new URL(server.url);
  for (const args of [
    ['config', 'check'],
    ['--output', 'json', 'config', 'check'],
    ['runs'],
    ['--output', 'json', 'show', 'sync/guarded'],
    ['--debug', 'query', `http://${user}:${escaped}@${host}/gone/${mirror.indexPath}`],
  ])
    await run(args);

  const asked = server.requests.filter(({ headers }) => headers.authorization !== undefined);
  expect(new Set(asked.map(({ headers }) => headers.authorization))).toEqual(
    new Set([`Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`]),
  );
  for (const { stdout, stderr } of outputs) expect(secretsIn(stdout + stderr), stdout + stderr).toEqual([]);
});

test('neither the histories nor the database of Temporal have them', async () => {
  const { runs, text } = await histories();
  expect(runs).toBeGreaterThan(5);
  // The search sees what it should: failures with their URLs, payloads, the names in the memo.
  expect(text).toContain(`${new URL(server.url).host}/${mirror.indexPath} answered 401`);
  expect(text).toContain(contentId);
  expect(secretsIn(text)).toEqual([]);
  const database = (await filesBelow(bench.folder)).filter((name) => /\.(db|sqlite)(-wal)?$/.test(name));
  const bytes = (await Promise.all(database.map(async (name) => readFile(name, 'latin1')))).join('\n');
  expect(bytes).toContain('answered 401');
  expect(secretsIn(bytes)).toEqual([]);
});

test('no file of state, logs or staging has them', async () => {
  const files = [
    ...(await filesBelow(join(bench.folder, 'state'))),
    ...(await filesBelow(join(bench.folder, 'cache'))),
  ];
  const names = files.map((name) => name.slice(bench.folder.length));
  expect(names.filter((name) => name.endsWith('.log')).length).toBeGreaterThan(1);
  for (const name of files) expect(secretsIn(await readFile(name, 'latin1')), name).toEqual([]);
});

test('neither the images nor what is published have them', async () => {
  const images: unknown[] = [];
  const glance = new Glance(session, 'RegionOne');
  for await (const image of glance.list({ properties: { content_id: contentId } })) images.push(image);
  expect(images).toHaveLength(2);
  expect(secretsIn(JSON.stringify(images))).toEqual([]);
  const swift = new Swift(session, 'RegionOne');
  let objects = 0;
  for await (const { name } of swift.list(container)) {
    objects += 1;
    const object = await swift.get(container, name);
    expect(secretsIn(Buffer.from(object?.bytes ?? []).toString()), name).toEqual([]);
  }
  expect(objects).toBe(2);
});
