import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { SearchAttribute } from '../../../contracts/names.js';

const SCRIPTS = resolve(import.meta.dirname, '..', '..', '..', 'scripts');
let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'refusals-'));
  for (const name of [
    'bash',
    'dirname',
    'basename',
    'realpath',
    'mktemp',
    'id',
    'tail',
    'rm',
    'cat',
    'chmod',
  ]) {
    await symlink(`/usr/bin/${name}`, join(home, name));
  }
  await symlink(process.execPath, join(home, 'node'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

/** Puts a command of that name first on the PATH, which has nothing but the few tools above. */
async function command(name: string, body: string): Promise<void> {
  await rm(join(home, name), { force: true });
  await writeFile(join(home, name), `#!/bin/sh\n${body}\n`);
  await chmod(join(home, name), 0o755);
}

function run(script: string, ...args: string[]): Promise<{ status: number; out: string; err: string[] }> {
  return new Promise((done) => {
    execFile(
      join(home, 'bash'),
      [join(SCRIPTS, script), ...args],
      { env: { PATH: home, POLICY_RC_D: join(home, 'policy-rc.d') } },
      (error, out, err) => done({ status: error ? Number(error.code) : 0, out, err: err.trim().split('\n') }),
    );
  });
}

const state = () => join(home, 'cloud');
const up = () => run('local-cloud', 'up', '--yes', '--state', state());

test('setup refuses a node that is too old, naming both versions', async () => {
  await command('node', 'echo v20.19.5');
  const { status, err } = await run('setup');
  expect(status).toBe(69);
  expect(err).toEqual([expect.stringMatching(/v20\.19\.5.*20\.20/)]);
});

test('setup without a node says what to install', async () => {
  await rm(join(home, 'node'));
  const { status, err } = await run('setup');
  expect(status).toBe(69);
  expect(err).toEqual([expect.stringContaining('there is no node')]);
});

test('setup registers exactly the search attributes of the workflows', async () => {
  const names = /for name in ([A-Za-z ]+); do arguments/.exec(
    await readFile(join(SCRIPTS, 'setup'), 'utf8'),
  )?.[1];
  expect(names?.split(' ').sort()).toEqual(Object.values(SearchAttribute).sort());
});

test('where there is no apt the local cloud says so and what to do instead', async () => {
  const { status, err } = await up();
  expect(status).toBe(69);
  expect(err).toEqual([expect.stringMatching(/no apt.*--cloud NAME/)]);
});

test('a user who may not install packages is told the command that root has to run', async () => {
  await command('apt-get', 'exit 99');
  await command('dpkg-query', 'exit 1');
  await command('id', 'echo 1000');
  const { status, err } = await up();
  expect(status).toBe(69);
  expect(err).toEqual([expect.stringMatching(/sudo apt-get install .*keystone.*--cloud NAME/)]);
});

test('packages that cannot be fetched end in one sentence, and nothing is left behind', async () => {
  await command('apt-get', 'echo "E: Unable to fetch" >&2; exit 100');
  await command('dpkg-query', 'exit 1');
  await command('id', 'echo 0');
  const { status, err } = await up();
  expect(status).toBe(69);
  expect(err.at(-1)).toMatch(/could not be installed .*package mirror.*--cloud NAME/);
  expect(await readdir(home)).not.toContain('cloud');
  expect(await readdir(home)).not.toContain('policy-rc.d');
});

test('a command without a local cloud exits 69 and names `up`', async () => {
  for (const name of ['status', 'env']) {
    const { status, err } = await run('local-cloud', name, '--state', state());
    expect(status).toBe(69);
    expect(err).toEqual([expect.stringContaining('local-cloud up')]);
  }
});

test('unknown options and commands, and a folder that no configuration file could name, are usage errors', async () => {
  for (const args of [['up', '--wrong'], ['sideways'], ['up', '--state'], ['up', '--state', '/tmp/a b']]) {
    expect(await run('local-cloud', ...args)).toMatchObject({ status: 2, out: '' });
  }
});

test('chaos refuses unknown options and what is no number, and starts nothing', async () => {
  for (const args of [['--wrong'], ['--seconds', '0'], ['--seconds', 'ten'], ['--seed', '-1'], ['--seed']]) {
    expect(await run('chaos', ...args)).toMatchObject({ status: 2, out: '' });
  }
});
