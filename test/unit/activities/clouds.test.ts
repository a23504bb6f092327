import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Clouds } from '../../../activities/clouds.js';
import { Glance } from '../../../openstack/index.js';
import { Loopback, reply } from '../openstack/loopback.js';

const TOKENS = 'POST /v3/auth/tokens';
let folder: string;
let server: Loopback;
let clouds: Clouds;

async function writePassword(password: string): Promise<void> {
  const auth = { auth_url: `${server.url}/v3`, username: 'alice', password, project_name: 'images' };
  const text = JSON.stringify({ clouds: { prod: { auth, region_name: 'one' } } });
  await writeFile(join(folder, 'clouds.yaml'), text);
}

/** Keystone as it is once that password is the right one. */
function acceptOnly(password: string): void {
  server.on(TOKENS, (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      if (body.includes(password)) server.grant(response);
      else reply(401)(request, response);
    });
  });
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clouds-'));
  server = await new Loopback().listen();
  await writePassword('first');
  clouds = new Clouds(() => undefined, 'test', { OS_CLIENT_CONFIG_FILE: join(folder, 'clouds.yaml') });
});

afterEach(async () => {
  await clouds.close();
  await server.close();
  await rm(folder, { recursive: true });
});

test('a call under way goes on when a token cannot be renewed', async () => {
  const { session } = await clouds.open('prod');
  let answer: () => void = () => undefined;
  const arrived = new Promise<void>((resolve) =>
    server.on('GET /one/v2/images/i', (request, response) => {
      answer = () => reply(200, { id: 'i', status: 'active' })(request, response);
      resolve();
    }),
  );
  const call = new Glance(session, 'one').get('i');
  await arrived;
  server.on(TOKENS, reply(503));
  await session.authenticate().catch(() => undefined);
  await expect(clouds.open('prod')).rejects.toMatchObject({ code: 'KeystoneUnreachable' });
  answer();
  expect(await call).toMatchObject({ status: 'active' });
});

test('a password that was changed while the worker runs is read again at once', async () => {
  const { session } = await clouds.open('prod');
  acceptOnly('second');
  await writePassword('second');
  await session.authenticate().catch(() => undefined);
  await clouds.open('prod');
  expect(server.granted).toBe(2);
});

test('a wrong password is told to Keystone once, and read again the next time', async () => {
  acceptOnly('second');
  await expect(clouds.open('prod')).rejects.toMatchObject({ code: 'Unauthorized' });
  expect(server.count(TOKENS)).toBe(1);
  await writePassword('second');
  await clouds.open('prod');
});
