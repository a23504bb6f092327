import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { load } from 'js-yaml';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { CLOUDS_FOLDER } from '../support/cloud.js';

const script = fileURLToPath(new URL('../../scripts/local-cloud', import.meta.url));
let state: string;

interface Outcome {
  status: number;
  out: string;
  err: string;
}

function localCloud(...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(script, [...args, '--state', state], (error, out, err) =>
      resolve({ status: error ? Number(error.code) : 0, out, err }),
    );
  });
}

/** Process ids by service name, as `status` prints them. */
async function services(): Promise<Record<string, string>> {
  const { out } = await localCloud('status');
  const rows = out.split('\n').map((line) => line.split(/\s+/));
  return Object.fromEntries(
    rows.flatMap(([name, pid, , port]) => (name && pid && port ? [[name, pid]] : [])),
  );
}

/** Every living process that this state folder's cloud started, workers included. */
async function processesOfCloud(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const environments = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')),
  );
  return pids.filter((_, index) => environments[index]?.includes(`IMAGE_STREAM_DAEMON=${state}/`));
}

const cloudsFile = z.object({
  clouds: z.record(
    z.string(),
    z.object({
      auth: z.object({
        auth_url: z.string(),
        username: z.string(),
        password: z.string(),
        project_name: z.string(),
      }),
    }),
  ),
});
const tokenAnswer = z.object({
  token: z.object({
    catalog: z.array(
      z.object({
        type: z.string(),
        endpoints: z.array(z.object({ interface: z.string(), url: z.string() })),
      }),
    ),
  }),
});

/** A token of one of the clouds in clouds.yaml, and where its catalogue says that things are. */
async function login(name: string) {
  const auth = cloudsFile.parse(load(await readFile(join(state, 'clouds.yaml'), 'utf8'))).clouds[name]?.auth;
  if (!auth) throw new Error(`no cloud ${name}`);
  const domain = { id: 'default' };
  const response = await fetch(`${auth.auth_url}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { name: auth.username, domain, password: auth.password } },
        },
        scope: { project: { name: auth.project_name, domain } },
      },
    }),
  });
  const { token } = tokenAnswer.parse(await response.json());
  const url = (type: string) =>
    token.catalog.find((service) => service.type === type)?.endpoints.find((e) => e.interface === 'public')
      ?.url ?? '';
  return { headers: { 'x-auth-token': response.headers.get('x-subject-token') ?? '' }, url };
}

beforeAll(async () => {
  state = join(await mkdtemp(join(CLOUDS_FOLDER, 'local-cloud-')), 'cloud');
  const up = await localCloud('up', '--yes');
  expect(up.status, up.err).toBe(0);
});
afterAll(async () => {
  await localCloud('down', '--purge');
  await rm(join(state, '..'), { recursive: true, force: true });
});

test('up again leaves every process as it is', async () => {
  const before = await services();
  expect(Object.keys(before)).toContain('glance');
  expect((await localCloud('up')).status).toBe(0);
  expect(await services()).toEqual(before);
});

test('up heals a Glance whose leader was killed, and its orphaned workers go', async () => {
  const before = await services();
  process.kill(Number(before.glance), 'SIGKILL');
  const healed = await localCloud('up');
  expect(healed.status, healed.err).toBe(0);
  const after = await services();
  expect(after).toEqual({ ...before, glance: after.glance });
  expect(after.glance).not.toBe(before.glance);
  // Seen twice on a loaded machine: 401 to the first request. Forty more restarts under load did not show it again, nor whether
  // Keystone or the token cache was to blame, so the first answer is not the one that counts.
  const status = async () => {
    const { headers, url } = await login('local');
    return (await fetch(`${url('image')}/v2/images`, { headers })).status;
  };
  await expect.poll(status, { timeout: 15_000, interval: 500 }).toBe(200);
});

test('passwords are in files that only their owner reads', async () => {
  for (const name of [
    'clouds.yaml',
    'secrets.env',
    'etc/keystone/keystone.conf',
    'etc/glance/glance-api.conf',
  ]) {
    expect((await stat(join(state, name))).mode & 0o777, name).toBe(0o600);
  }
});

test('only the cloud `local` may make public images', async () => {
  const statuses: number[] = [];
  for (const name of ['local', 'local-member']) {
    const { headers, url } = await login(name);
    const image = { name: 'probe', disk_format: 'raw', container_format: 'bare', visibility: 'public' };
    const response = await fetch(`${url('image')}/v2/images`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(image),
    });
    statuses.push(response.status);
  }
  expect(statuses).toEqual([201, 403]);
});

test('a container with a public ACL is read and listed without a token', async () => {
  const { headers, url } = await login('local');
  const container = `${url('object-store')}/open`;
  const acl = { 'x-container-read': '.r:*,.rlistings' };
  expect((await fetch(container, { method: 'PUT', headers: { ...headers, ...acl } })).status).toBe(201);
  expect((await fetch(`${container}/a`, { method: 'PUT', headers, body: 'hello' })).status).toBe(201);
  expect(await (await fetch(`${container}/a`)).text()).toBe('hello');
  expect(await (await fetch(container)).text()).toBe('a\n');
  expect((await fetch(url('object-store'))).status).toBe(401);
});

test('an unknown service is a usage error that lists the known ones', async () => {
  expect(await localCloud('restart', 'nova')).toMatchObject({
    status: 2,
    err: expect.stringContaining('keystone glance') as string,
  });
});

test('down ends what it started, and no process that merely has a pid of a pid file', async () => {
  const stranger = spawn('sleep', ['300'], { stdio: 'ignore' });
  try {
    await localCloud('stop', 'swift-object');
    await writeFile(join(state, 'run', 'swift-object.pid'), `${stranger.pid} 1\n`);
    expect((await localCloud('down')).status).toBe(0);
    expect(await processesOfCloud()).toEqual([]);
    expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
  } finally {
    stranger.kill();
  }
});

test('down twice is fine, and --purge removes the state folder', async () => {
  expect((await localCloud('down', '--purge')).status).toBe(0);
  await expect(stat(state)).rejects.toMatchObject({ code: 'ENOENT' });
  expect((await localCloud('down')).status).toBe(0);
  expect((await localCloud('status')).status).toBe(69);
});
