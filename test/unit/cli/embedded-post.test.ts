import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { GuardianPost } from '../../../cli/embedded/guardian-post.js';
import { choosePorts } from '../../../cli/embedded/ports.js';
import { follow, reach, SOCKET_NAME, type GuardianMessage } from '../../../cli/embedded/protocol.js';
import { endOrphan, readRecord, writeRecord } from '../../../cli/embedded/server-record.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'image-stream-post-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const sockets = async () => (await readdir(folder)).filter((name) => SOCKET_NAME.test(name));

/** Leaves what a guardian leaves that was killed: a socket that nobody listens behind. */
async function leaveDeadSocket(name: string): Promise<void> {
  const script = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
  await once(spawn(process.execPath, ['-e', script, join(folder, name)]), 'exit');
  expect(await sockets()).toContain(name);
}

test('gives the place to exactly one of many who want it at the same instant', async () => {
  for (let round = 0; round < 20; round++) {
    const posts = await Promise.all(Array.from({ length: 8 }, () => GuardianPost.claim(folder)));
    const winners = posts.filter((post) => post !== undefined);
    expect(winners).toHaveLength(1);
    expect(await sockets()).toHaveLength(1);
    winners[0]?.retire();
    expect(await sockets()).toEqual([]);
  }
});

test('gives the place to one of those who come one shortly after the other', async () => {
  for (let round = 0; round < 10; round++) {
    const posts = await Promise.all(
      Array.from({ length: 8 }, async (_, index) => sleep(index % 4).then(() => GuardianPost.claim(folder))),
    );
    expect(posts.filter((post) => post !== undefined)).toHaveLength(1);
    posts.forEach((post) => post?.retire());
  }
});

test('takes over from the dead and clears their sockets away', async () => {
  await leaveDeadSocket('guardian-000000000000.sock');
  await leaveDeadSocket('guardian-ffffffffffff.sock');
  const post = await GuardianPost.claim(folder);
  expect(post).toBeDefined();
  expect(await sockets()).toHaveLength(1);
  post?.retire();
});

test('leaves the place to one who is connected but says nothing', async () => {
  const silent = createServer().listen(join(folder, 'guardian-ffffffffffff.sock'));
  await once(silent, 'listening');
  expect(await GuardianPost.claim(folder)).toBeUndefined();
  silent.close();
});

test('tells users at once, those who come later too, and counts them until they go', async () => {
  const post = await GuardianPost.claim(folder);
  const [name = ''] = await sockets();
  const socket = await reach(folder, name);
  if (!post || typeof socket === 'string') throw new Error('nobody listens');
  const heard: GuardianMessage[] = [];
  follow(socket, (message) => heard.push(message));
  await expect.poll(() => heard).toEqual([{ state: 'starting' }]);
  post.announce({ state: 'ready', port: 1, uiPort: 2 });
  await expect.poll(() => heard).toHaveLength(2);
  expect(post.userCount).toBe(1);
  socket.destroy();
  await expect.poll(() => post.userCount).toBe(0);
  post.retire();
});

test('lets nobody else reach its socket', async () => {
  const before = process.umask(0o077);
  const post = await GuardianPost.claim(folder);
  process.umask(before);
  const [name = ''] = await sockets();
  expect((await stat(join(folder, name))).mode & 0o077).toBe(0);
  post?.retire();
});

test('works where the path of the folder is longer than a socket address, and leaves nothing elsewhere', async () => {
  const long = join(folder, 'x'.repeat(120));
  await mkdir(long);
  const others = (await readdir(tmpdir())).filter((name) => name.startsWith('is-'));
  const posts = await Promise.all(Array.from({ length: 4 }, () => GuardianPost.claim(long)));
  expect(posts.filter((post) => post !== undefined)).toHaveLength(1);
  const [name = ''] = await readdir(long);
  const socket = await reach(long, name);
  expect(typeof socket).toBe('object');
  if (typeof socket === 'object') socket.destroy();
  posts.forEach((post) => post?.retire());
  expect(await readdir(long)).toEqual([]);
  expect(
    (await readdir(tmpdir())).filter((entry) => entry.startsWith('is-') && !others.includes(entry)),
  ).toEqual([]);
});

test('keeps the ports of last time while they are free', async () => {
  const first = await choosePorts(folder, undefined);
  expect(first.port).not.toBe(first.uiPort);
  expect(await choosePorts(folder, undefined)).toEqual(first);
  const last = { port: first.port + 1000, uiPort: first.uiPort + 1000 };
  expect(await choosePorts(folder, last)).toEqual(last);
  const other = createServer().listen(last.uiPort, '127.0.0.1');
  await once(other, 'listening');
  expect((await choosePorts(folder, last)).uiPort).not.toBe(last.uiPort);
  other.close();
});

test('does not end a process that merely has the number of a former server', async () => {
  const stranger = spawn('sleep', ['60']);
  writeRecord(folder, { pid: stranger.pid ?? 0, port: 1, uiPort: 2 });
  await endOrphan(folder);
  expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
  stranger.kill();
});

test('ends a server of this folder that lost its guardian', async () => {
  const server = spawn('sh', ['-c', 'sleep 60; true', join(folder, 'temporal.db')]);
  writeRecord(folder, { pid: server.pid ?? 0, port: 1, uiPort: 2 });
  await endOrphan(folder);
  if (server.signalCode === null) await once(server, 'exit');
  expect(server.signalCode).toBe('SIGTERM');
});

test('takes a record that is damaged for none', async () => {
  for (const text of ['', '{"pid":', '{"pid":"1","port":1,"uiPort":2}', '{"pid":-1,"port":1,"uiPort":2}']) {
    await writeFile(join(folder, 'server.json'), text);
    expect(readRecord(folder)).toBeUndefined();
  }
});
