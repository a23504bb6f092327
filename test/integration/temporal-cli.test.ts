import { execFile } from 'node:child_process';
import { mkdtemp, mkdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const script = fileURLToPath(new URL('../../scripts/temporal-cli', import.meta.url));
let home: string;
let bare: string;

interface Outcome {
  status: number;
  out: string;
  err: string;
}

function run(file: string, args: string[], env: NodeJS.ProcessEnv): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(file, args, { env }, (error, out, err) =>
      resolve({ status: error ? Number(error.code) : 0, out: out.trim(), err: err.trim() }),
    );
  });
}

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'temporal-cli-'));
  bare = join(home, 'bin');
  await mkdir(bare);
  // What the script needs, and neither Go nor Temporal.
  await symlink(process.execPath, join(bare, 'node'));
  for (const name of ['bash', 'dirname', 'env']) await symlink(`/usr/bin/${name}`, join(bare, name));
});
afterAll(() => rm(home, { recursive: true, force: true }));

test('scripts/temporal-cli prints the path of a command whose server is new enough', async () => {
  const found = await run(script, [], process.env);
  expect(found.status, found.err).toBe(0);
  const version = await run(found.out, ['--version'], process.env);
  expect(version.out).toMatch(/Server 1\.(29|[3-9]\d)/);
});

test('without a command, Go and network it exits 69 with one line that says what to do', async () => {
  const missing = await run(script, [], { HOME: home, PATH: bare, https_proxy: 'http://127.0.0.1:1' });
  expect(missing).toMatchObject({ status: 69, out: '' });
  expect(missing.err.split('\n').filter((line) => line.startsWith('TemporalMissing: '))).toHaveLength(1);
  expect(missing.err).toContain('there is no go command');
  expect(missing.err).toContain('IMAGE_STREAM_TEMPORAL');
});
