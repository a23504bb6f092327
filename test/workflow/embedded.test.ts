import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { connectTemporal } from '../../cli/embedded/connect-temporal.js';
import { readRecord } from '../../cli/embedded/server-record.js';
import { findCli, leaveWorkflow, Scene, statusOf } from './embedded-support.js';

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open();
});
afterEach(() => scene.close());

const kill = (pid: number) => process.kill(pid, 'SIGKILL');

test('serves on the loopback only, from a folder that only the user can read', async () => {
  const access = await scene.connect();
  expect(access).toMatchObject({ embedded: true, namespace: 'default' });
  expect(access.address).toMatch(/^127\.0\.0\.1:\d+$/);
  expect((await fetch(access.uiUrl ?? '')).status).toBe(200);
  expect((await stat(scene.stateFolder)).mode & 0o777).toBe(0o700);
  const facts = await Promise.all(
    ['temporal.db', 'temporal.log', 'server.json'].map((name) => stat(join(scene.stateFolder, name))),
  );
  expect(facts.map(({ mode }) => mode & 0o077)).toEqual([0, 0, 0]);
});

test('joins the server of a command that runs already', async () => {
  const user = await scene.startUser();
  const server = await scene.server();
  const access = await scene.connect(() => Promise.reject(new Error('no command is needed to join')));
  expect(access.address).toBe(user.address);
  expect(await scene.server()).toBe(server);
});

test('starts one server for many commands at the same instant', async () => {
  const users = await Promise.all(Array.from({ length: 5 }, () => scene.startUser()));
  expect(new Set(users.map(({ address }) => address)).size).toBe(1);
  await scene.server();
  expect((await scene.processes()).guardians).toHaveLength(1);
});

test('stays while the last user lives, and ends when that one is killed', async () => {
  const [one, other] = await Promise.all([scene.startUser(), scene.startUser()]);
  const server = await scene.server();
  one.process.kill('SIGKILL');
  // Longer than the grace without users.
  await new Promise((resolve) => setTimeout(resolve, 6500));
  expect(await scene.server()).toBe(server);
  other.process.kill('SIGKILL');
  await scene.quiet();
});

test('keeps server and history from one command to the next', async () => {
  const first = await scene.connect();
  await leaveWorkflow(first.address, 'kept');
  await first.close();
  const server = await scene.server();
  const second = await scene.connect();
  expect(await scene.server()).toBe(server);
  await second.close();
  await scene.quiet();
  const third = await scene.connect();
  expect({ address: third.address, ui: third.uiUrl }).toEqual({ address: first.address, ui: first.uiUrl });
  expect(await statusOf(third.address, 'kept')).toBe('RUNNING');
});

test('starts a killed server again on its address while somebody uses it', async () => {
  const { address } = await scene.connect();
  await leaveWorkflow(address, 'kept');
  const killed = await scene.server();
  kill(killed);
  await expect.poll(() => statusOf(address, 'kept').catch(() => 'away'), { timeout: 20_000 }).toBe('RUNNING');
  expect(await scene.server()).not.toBe(killed);
});

test('gets another guardian when its own is killed, and loses nothing', async () => {
  const { address } = await scene.connect();
  await leaveWorkflow(address, 'kept');
  const { guardians } = await scene.processes();
  guardians.forEach(kill);
  await expect
    .poll(async () => (await scene.processes()).guardians.filter((pid) => !guardians.includes(pid)).length, {
      timeout: 20_000,
    })
    .toBe(1);
  await expect.poll(() => statusOf(address, 'kept').catch(() => 'away'), { timeout: 20_000 }).toBe('RUNNING');
  await scene.server();
});

test('leaves no server behind when its guardian and all users are killed together', async () => {
  const user = await scene.startUser();
  const { guardians } = await scene.processes();
  user.process.kill('SIGKILL');
  guardians.forEach(kill);
  await scene.quiet();
});

test('goes on from the history when everything was killed', async () => {
  const user = await scene.startUser();
  await leaveWorkflow(user.address, 'kept');
  const { guardians, servers, watchers } = await scene.processes();
  user.process.kill('SIGKILL');
  [...guardians, ...watchers, ...servers].forEach(kill);
  const { address } = await scene.connect();
  expect(address).toBe(user.address);
  expect(await statusOf(address, 'kept')).toBe('RUNNING');
});

test('replaces a server whose guardian and watcher were killed, instead of starting a second one on its database', async () => {
  const user = await scene.startUser();
  await leaveWorkflow(user.address, 'kept');
  const { guardians, servers, watchers } = await scene.processes();
  user.process.kill('SIGKILL');
  [...guardians, ...watchers].forEach(kill);
  const { address } = await scene.connect();
  expect(servers).not.toContain(await scene.server());
  expect(await statusOf(address, 'kept')).toBe('RUNNING');
});

test('takes other ports where the former ones are in use now', async () => {
  const first = await scene.connect();
  await first.close();
  await scene.quiet();
  const last = readRecord(scene.stateFolder);
  const other = createServer().listen(last?.port, '127.0.0.1');
  await once(other, 'listening');
  const second = await scene.connect();
  expect(second.address).not.toBe(first.address);
  other.close();
});

test('gives the server no password of the environment', async () => {
  await scene.startUser();
  const { guardians } = await scene.processes();
  for (const pid of [...guardians, await scene.server()]) {
    expect(await readFile(`/proc/${pid}/environ`, 'latin1')).not.toContain('hunter2');
  }
});

test('works where the path of the state folder is longer than a socket address', async () => {
  const long = await Scene.open('x'.repeat(120));
  await long.connect();
  await long.close();
});

test('tells why a server does not start', async () => {
  const broken = async () => {
    const path = join(scene.stateFolder, 'broken');
    await writeFile(path, '#!/bin/sh\necho "the disk is on fire" >&2\nexit 1\n');
    await chmod(path, 0o700);
    return path;
  };
  await expect(scene.connect(broken)).rejects.toMatchObject({ code: 'TemporalUnreachable', exit: 69 });
  await expect(scene.connect(broken)).rejects.toThrow(/did not start.*the disk is on fire/s);
});

test('takes the server that the environment names instead', async () => {
  const { address } = await scene.connect();
  const env = { HOME: '/nowhere', TEMPORAL_ADDRESS: address };
  const access = await connectTemporal({ stateFolder: '/nowhere', env, findCli });
  expect(access).toMatchObject({ address, namespace: 'default', embedded: false, uiUrl: undefined });
  await access.close();
});

test('says within seconds which named server cannot be reached', async () => {
  const begun = Date.now();
  const env = { HOME: '/nowhere', TEMPORAL_ADDRESS: '127.0.0.1:1' };
  await expect(connectTemporal({ stateFolder: scene.stateFolder, env, findCli })).rejects.toMatchObject({
    code: 'TemporalUnreachable',
    message: 'The Temporal server at 127.0.0.1:1 does not answer',
    exit: 69,
  });
  expect(Date.now() - begun).toBeLessThan(7000);
});
