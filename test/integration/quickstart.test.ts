import { execFile, spawn } from 'node:child_process';
import { access, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Session } from '../../openstack/index.js';
import { CLOUDS_FOLDER, LOCAL_CLOUD, localCloudEnv, localSession } from '../support/cloud.js';
import { imagesOf, leaveNoTrace } from '../support/leave-no-trace.js';
import { MirrorServer } from '../support/mirror-server.js';
import { makeSmallMirror, ubuntuProduct, type SmallMirror } from '../support/small-mirror.js';

const scripts = fileURLToPath(new URL('../../scripts/', import.meta.url));
const REGIONS = ['RegionOne', 'RegionTwo'];
/** What quickstart calls its images. */
const CONTENT_ID = 'auto.sync';

interface Outcome {
  status: number;
  out: string;
  err: string;
}

let folder: string;
let session: Session;
let signed: SmallMirror;
let server: MirrorServer;
let plain: MirrorServer;
/** What the run with --keep-running said. */
let kept: Outcome;

function run(command: string, args: string[], env: NodeJS.ProcessEnv): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(command, args, { env }, (error, out, err) =>
      resolve({ status: error ? Number(error.code) : 0, out, err }),
    );
  });
}

/** The real script, with a local cloud of its own unless one is named; on no account with a Temporal server of somebody's. */
function quickstart(state: string, ...args: string[]): Promise<Outcome> {
  const own = Object.entries(localCloudEnv()).filter(
    ([name]) => !/^(TEMPORAL_|IMAGE_STREAM_LOCAL_)/.test(name),
  );
  return run(
    join(scripts, 'quickstart'),
    ['--yes', '--state', join(folder, state), ...args],
    Object.fromEntries(own),
  );
}

function statusOf(cloud: string): Promise<Outcome> {
  return run(join(scripts, 'local-cloud'), ['status', '--state', cloud], process.env);
}

/** The line after a heading. */
function below(heading: string, { out }: Outcome): string {
  return new RegExp(`^== ${heading}\\n(.+)$`, 'm').exec(out)?.[1] ?? '';
}

/** Every living process that names a folder in its command line or its environment. */
async function processesOf(place: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  const read = (path: string) => readFile(path, 'latin1').catch(() => '');
  const words = await Promise.all(
    pids.map(async (pid) => (await read(`/proc/${pid}/cmdline`)) + (await read(`/proc/${pid}/environ`))),
  );
  return words.filter((text) => text.includes(place)).map((text) => text.slice(0, 200).replaceAll('\0', ' '));
}

beforeAll(async () => {
  folder = await mkdtemp(join(CLOUDS_FOLDER, 'quickstart-'));
  session = await localSession();
  const items = [
    { product: ubuntuProduct('24.04'), version: '20240101', size: 300_000 },
    { product: ubuntuProduct('24.04', 'arm64'), version: '20240101', size: 300_000 },
  ];
  signed = await makeSmallMirror(join(folder, 'signed', 'mirror'), items, { signed: true });
  server = await MirrorServer.start(signed.root);
  plain = await MirrorServer.start((await makeSmallMirror(join(folder, 'plain', 'mirror'), items)).root);
});

afterAll(async () => {
  if (kept?.status === 0) await run('bash', ['-c', below('Left running; this ends it', kept)], process.env);
  await run(join(scripts, 'local-cloud'), ['down', '--state', join(folder, 'fresh', 'cloud')], process.env);
  await server?.close();
  await plain?.close();
  if (session) {
    const left = { contentIds: [CONTENT_ID], container: 'simplestreams' };
    for (const region of REGIONS) await leaveNoTrace(session, region, left);
    await session.close();
  }
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
});

test(
  'it goes from nothing to images in a cloud, and --keep-running leaves all of it up',
  { timeout: 900_000 },
  async () => {
    kept = await quickstart('fresh', '--keep-running');
    const { status, out, err } = kept;
    expect(status, err + out).toBe(0);
    expect(out).toMatch(/quickstart → local\/RegionOne: .*added/);
    expect(below('Images in Glance', kept)).toMatch(/^WHERE/);
    expect(out).toMatch(/active +public/);
    expect(below('The endpoint that Juju finds in Keystone', kept)).toMatch(
      /^product-streams {2}http:\/\/127\.0\.0\.1:\d+\/.*\/simplestreams\/data$/,
    );
    expect(out).toMatch(/"format": ?"index:1.0"/);
    for (const heading of ['A mirror', "Temporal's UI"])
      expect((await fetch(below(heading, kept))).status, heading).toBe(200);
    expect((await statusOf(join(folder, 'fresh', 'cloud'))).status).toBe(0);
  },
);

test('run again it takes the local cloud that is up and leaves it up, with an unsigned mirror by its index', async () => {
  const cloud = join(folder, 'fresh', 'cloud');
  const before = await statusOf(cloud);
  const again = await quickstart('fresh', '--mirror', `${plain.url}streams/v1/index.json`);
  expect(again.status, again.err + again.out).toBe(0);
  expect(again.out).toMatch(/quickstart → local\/RegionOne: 1 added/);
  expect(await statusOf(cloud)).toEqual(before);
  expect((await fetch(below("Temporal's UI", kept))).status).toBe(200);
});

test('the command that it printed ends what it left running, and nothing else', async () => {
  const bystander = spawn('sleep', ['300'], { stdio: 'ignore' });
  try {
    const before = await statusOf(LOCAL_CLOUD);
    const ended = await run('bash', ['-c', below('Left running; this ends it', kept)], process.env);
    expect(ended.status, ended.err).toBe(0);
    await expect.poll(() => processesOf(join(folder, 'fresh')), { timeout: 60_000 }).toEqual([]);
    expect(await statusOf(LOCAL_CLOUD)).toEqual(before);
    expect(bystander.exitCode ?? bystander.signalCode).toBeNull();
  } finally {
    bystander.kill();
  }
});

test('--cloud takes a cloud of clouds.yaml: no other comes up, and it stays as it is', async () => {
  const before = await statusOf(LOCAL_CLOUD);
  const args = ['--cloud', 'local', '--mirror', server.url.replace(/\/$/, ''), '--keyring', signed.keyring];
  const { status, out, err } = await quickstart('named', ...args);
  expect(status, err + out).toBe(0);
  for (const region of REGIONS) {
    expect(out).toContain(`quickstart → local/${region}: 1 added`);
    const images = await imagesOf(session, region, CONTENT_ID);
    expect(images.map((image) => `${image.status} ${image.visibility}`)).toEqual(['active public']);
  }
  expect(out).toMatch(/^product-streams {2}http/m);
  expect(await statusOf(LOCAL_CLOUD)).toEqual(before);
  await expect(access(join(folder, 'named', 'cloud'))).rejects.toMatchObject({ code: 'ENOENT' });
  // The embedded Temporal server ends a few seconds after its last user.
  await expect.poll(() => processesOf(join(folder, 'named')), { timeout: 60_000 }).toEqual([]);
});

test.each([
  ['a cloud that clouds.yaml has not', ['--cloud', 'nowhere'], 2, /^UnknownCloud: .*nowhere/],
  ['a mirror that cannot be reached', ['--mirror', 'http://127.0.0.1:1/'], 1, /^MirrorUnreachable: /],
  ['a mirror that is no URL', ['--mirror', '/srv/mirror'], 2, /^quickstart: .*'\/srv\/mirror'/],
  ['a keyring that is not there', ['--keyring', '/nowhere.gpg'], 2, /^quickstart: .*\/nowhere\.gpg/],
])('%s is told of in one line before anything is brought up', async (_name, args, code, line) => {
  const { status, out, err } = await quickstart('wrong', ...args);
  expect(status, err).toBe(code);
  expect(out).toBe('');
  // What setup says comes before.
  const said = err.replace(/^.*\nSetup is complete[^\n]*\n/s, '').trimEnd();
  expect(said, err).toMatch(line);
  expect(said).not.toContain('\n');
  await expect(access(join(folder, 'wrong', 'cloud'))).rejects.toMatchObject({ code: 'ENOENT' });
});
