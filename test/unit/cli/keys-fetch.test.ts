import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { revokeKey } from 'openpgp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withFetcher } from '../../../cli/document-fetcher.js';
import { fetchKey, registerKeysFetch } from '../../../cli/keys-fetch.js';
import { loadKeyring } from '../../../simplestreams/index.js';
import { failureOf } from '../simplestreams/failing.js';
import { readShared } from '../simplestreams/shared.js';
import { testKey } from '../simplestreams/signing.js';
import { capture, run } from './capture.js';

const UBUNTU = '4A3CE3CD565D7EB5C810E2B97FF3F408476CF100';
const ubuntuKey = readShared('fixtures/ubuntu-signed/ubuntu-cloudimage-key.asc');

let folder: string;
let server: Server;
let address: string;
let answer: { status: number; body: string };
let asked: string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keys-'));
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(answer.status).end(answer.body);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('no port');
  address = `127.0.0.1:${bound.port}`;
});
afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true });
});

async function fetched(
  status: number,
  body: string,
  out = 'key.gpg',
  scheme = 'http',
): Promise<string | undefined> {
  answer = { status, body };
  asked = [];
  const io = capture(folder);
  const words = ['keys', 'fetch', 'ubuntu', '--server', `${scheme}://${address}`, '--out', join(folder, out)];
  return failureOf(run(words, (program) => registerKeysFetch(program.command('keys'), io)));
}

test("Ubuntu's key is asked for by its fingerprint and makes a keyring", async () => {
  expect(await fetched(200, ubuntuKey)).toBeUndefined();
  expect(asked).toEqual([`/pks/lookup?op=get&options=mr&exact=on&search=0x${UBUNTU}`]);
  const { keys } = await loadKeyring(join(folder, 'key.gpg'));
  expect(keys.map((key) => key.getFingerprint().toUpperCase())).toEqual([UBUNTU]);
});

test('hkp is http, and .asc is armored', async () => {
  expect(await fetched(200, ubuntuKey, 'key.asc', 'hkp')).toBeUndefined();
  expect(await readFile(join(folder, 'key.asc'), 'utf8')).toMatch(/^-----BEGIN PGP PUBLIC KEY BLOCK-----/);
});

test('of several keys only the pinned one is kept', async () => {
  const other = (await testKey()).publicKey.armor();
  expect(await fetched(200, `${other}\n${ubuntuKey}`, 'several.gpg')).toBeUndefined();
  expect((await loadKeyring(join(folder, 'several.gpg'))).keys).toHaveLength(1);
});

test('another key is refused and nothing is written', async () => {
  expect(await fetched(200, (await testKey()).publicKey.armor(), 'wrong.gpg')).toBe('KeyMismatch');
  expect(await failureOf(stat(join(folder, 'wrong.gpg')))).toBe('other');
});

test.each([
  ['a web page', 200, '<!DOCTYPE html><html></html>'],
  ['nothing', 200, ''],
  ['a broken key', 200, ubuntuKey.slice(0, 900)],
  ['404', 404, 'not found'],
  ['500', 500, ubuntuKey],
  ['more than a megabyte', 200, `${ubuntuKey}${' '.repeat(1024 * 1024)}`],
])('%s for an answer is a failure to fetch', async (_, status, body) => {
  expect(await fetched(status, body, 'failed.gpg')).toBe('KeyFetchFailed');
});

test('a server that does not answer is a failure to fetch', async () => {
  const words = [
    'keys',
    'fetch',
    'ubuntu',
    '--server',
    'http://127.0.0.1:1',
    '--out',
    join(folder, 'none.gpg'),
  ];
  expect(
    await failureOf(run(words, (program) => registerKeysFetch(program.command('keys'), capture(folder)))),
  ).toBe('KeyFetchFailed');
});

test('a revoked key is refused', async () => {
  const key = await testKey();
  const revoked = await revokeKey({ key: key.privateKey, format: 'object' });
  answer = { status: 200, body: revoked.publicKey.armor() };
  const request = {
    server: `http://${address}`,
    fingerprint: key.publicKey.getFingerprint().toUpperCase(),
    out: join(folder, 'revoked.gpg'),
  };
  expect(await failureOf(withFetcher(folder, (fetch) => fetchKey(request, fetch)))).toBe('KeyMismatch');
});

test('a file with other keys is not overwritten, one with the same key is', async () => {
  await writeFile(join(folder, 'mine.asc'), (await testKey()).publicKey.armor());
  expect(await fetched(200, ubuntuKey, 'mine.asc')).toBe('Usage');
  expect(asked).toEqual([]);
  expect(await fetched(200, ubuntuKey, 'again.gpg')).toBeUndefined();
  expect(await fetched(200, ubuntuKey, 'again.gpg')).toBeUndefined();
});

test.each([['debian'], ['']])('there is no pinned key named %j', async (name) => {
  const words = ['keys', 'fetch', name];
  expect(
    await failureOf(run(words, (program) => registerKeysFetch(program.command('keys'), capture(folder)))),
  ).toBe('Usage');
});
