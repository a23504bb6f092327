import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { cachedCommand, findTemporalCli } from '../../../cli/embedded/temporal-cli.js';
import { goInstall, sdkDownload } from '../../../cli/embedded/temporal-fetch.js';
import { judgeVersion } from '../../../cli/embedded/temporal-version.js';

const NEW = 'temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)';
const OLD = 'temporal version 1.1.2 (Server 1.25.2, UI 2.31.2)';
const LIMITS = { stall: 1500, total: 20_000 };

let home: string;
let bin: string;
let env: NodeJS.ProcessEnv;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'temporal-cli-'));
  bin = join(home, 'bin');
  // A PATH of its own: whatever this machine has, Go included, is hidden.
  env = { HOME: home, PATH: bin };
});
afterEach(() => rm(home, { recursive: true, force: true }));

async function script(path: string, body: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${body}\n`);
  await chmod(path, 0o755);
  return path;
}
const command = (path: string, version: string) => script(path, `echo '${version}'`);

test('the command that IMAGE_STREAM_TEMPORAL names goes before the one on PATH', async () => {
  await command(join(bin, 'temporal'), NEW);
  const named = await command(join(home, 'mine'), NEW);
  const found = await findTemporalCli({ env: { ...env, IMAGE_STREAM_TEMPORAL: named } });
  expect(found).toEqual({ path: named, source: 'IMAGE_STREAM_TEMPORAL' });
});

test('a named command that is too old is an error, not a reason to take another', async () => {
  await command(join(bin, 'temporal'), NEW);
  const named = await command(join(home, 'mine'), OLD);
  await expect(findTemporalCli({ env: { ...env, IMAGE_STREAM_TEMPORAL: named } })).rejects.toMatchObject({
    code: 'TemporalMissing',
    exit: 69,
    message: expect.stringContaining('too old') as string,
  });
});

test('a new enough command on PATH is taken', async () => {
  const path = await command(join(bin, 'temporal'), NEW);
  expect(await findTemporalCli({ env, ways: [] })).toEqual({ path, source: path });
});

test('an old command on PATH is passed over for a new one further down', async () => {
  await command(join(bin, 'temporal'), OLD);
  const path = await command(join(home, 'sbin', 'temporal'), NEW);
  const found = await findTemporalCli({ env: { ...env, PATH: `${bin}:${join(home, 'sbin')}` }, ways: [] });
  expect(found.path).toBe(path);
});

test('the cache is used where PATH has none, and XDG_CACHE_HOME moves it', async () => {
  const moved = { ...env, XDG_CACHE_HOME: join(home, 'elsewhere') };
  const path = await command(cachedCommand(moved), NEW);
  expect(path).toBe(join(home, 'elsewhere/image-stream/temporal-v1.5.1/temporal'));
  expect(await findTemporalCli({ env: moved, ways: [] })).toEqual({ path, source: 'the cache' });
});

test("the SDK's download ends up in the cache", async () => {
  const sdk = join(home, 'sdk.cjs');
  await writeFile(
    sdk,
    `exports.TestWorkflowEnvironment = { async createLocal({ server: { executable: e } }) {
       require('fs').writeFileSync(e.downloadDir + '/temporal-' + e.version, "#!/bin/sh\\necho '${NEW}'\\n", { mode: 0o755 });
       return { async teardown() {} };
     } };`,
  );
  const found = await findTemporalCli({ env, ways: [['download', sdkDownload(sdk)]] });
  expect(found).toEqual({ path: cachedCommand(env), source: 'download' });
  expect((await findTemporalCli({ env, ways: [] })).source).toBe('the cache');
});

test('a download that cannot connect fails at once and the next way is tried', async () => {
  await mkdir(bin, { recursive: true });
  const refused = { ...env, https_proxy: 'http://127.0.0.1:1' };
  const started = Date.now();
  await expect(findTemporalCli({ env: refused, limits: LIMITS })).rejects.toMatchObject({
    code: 'TemporalMissing',
    details: { tried: [expect.stringContaining('download'), 'go install: there is no go command'] },
  });
  expect(Date.now() - started).toBeLessThan(15_000);
}, 30_000);

test('a download that hangs is given up after the limit', async () => {
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const address = silent.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const hanging = { ...env, https_proxy: `http://127.0.0.1:${port}` };
  try {
    await expect(
      findTemporalCli({ env: hanging, ways: [['download', sdkDownload()]], limits: LIMITS }),
    ).rejects.toThrow(/nothing arrived for 1.5 s/);
  } finally {
    silent.close();
  }
}, 30_000);

test('go install builds the pinned release into the cache', async () => {
  await script(
    join(bin, 'go'),
    `if [ "$1" = env ]; then echo go1.26.1; exit; fi
     [ "$2" = github.com/temporalio/cli/cmd/temporal@v1.5.1 ] || exit 1
     printf '#!/bin/sh\\necho "temporal version 0.0.0-DEV (Server 1.29.1, UI 2.42.1)"\\n' >"$GOBIN/temporal"
     /bin/chmod 755 "$GOBIN/temporal"`,
  );
  const found = await findTemporalCli({ env, ways: [['go install', goInstall]] });
  expect(found).toEqual({ path: cachedCommand(env), source: 'go install' });
  expect(await readdir(dirname(cachedCommand(env)))).toEqual(['temporal']);
});

test('a Go that is too old is not tried', async () => {
  await script(join(bin, 'go'), `[ "$1" = env ] && echo go1.19.8 || exit 99`);
  await expect(findTemporalCli({ env, ways: [['go install', goInstall]] })).rejects.toThrow(
    /Go is too old \(go1\.19\.8/,
  );
});

test('what a failed build said is told, and nothing is left behind', async () => {
  await script(
    join(bin, 'go'),
    `if [ "$1" = env ]; then echo go1.26.1; else echo 'no route to proxy' >&2; exit 1; fi`,
  );
  await expect(findTemporalCli({ env, ways: [['go install', goInstall]] })).rejects.toThrow(
    /no route to proxy/,
  );
  expect(await readdir(dirname(cachedCommand(env)))).toEqual([]);
});

test('a fetched command that does not answer as Temporal is refused', async () => {
  const way = (folder: string) => command(join(folder, 'temporal'), 'hello').then(() => {});
  await expect(findTemporalCli({ env, ways: [['elsewhere', way]] })).rejects.toThrow(/not the Temporal CLI/);
});

test('the server number decides where the command was built without one of its own', () => {
  expect(judgeVersion('temporal version 0.0.0-DEV (Server 1.29.1, UI 2.42.1)')).toMatchObject({
    usable: true,
  });
  expect(judgeVersion('temporal version 1.5.0')).toMatchObject({ usable: true });
  expect(judgeVersion(OLD)).toMatchObject({ usable: false });
  expect(judgeVersion('tctl version 1.18')).toMatchObject({ usable: false });
});
