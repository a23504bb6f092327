import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { dump, load } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { ERROR_TABLE, type ErrorCode } from '../../contracts/error-codes.js';
import { Glance, KeystoneAdmin, Swift, type Session } from '../../openstack/index.js';
import { Workbench, type Finished } from '../support/cli.js';
import { LOCAL_CLOUD, localSession, uniqueName } from '../support/cloud.js';
import { MirrorServer } from '../support/mirror-server.js';
import { makeSigner, makeSmallMirror, ubuntuProduct, type MirrorItem } from '../support/small-mirror.js';

const MIB = 1024 * 1024;
const stem = uniqueName('bad-input');
const container = stem;
const emptyRegion = `${stem}-empty`;
const noble = ubuntuProduct('24.04');
const item: MirrorItem = { product: noble, version: '20240101', size: 100_000 };
const INDEX = 'streams/v1/index.json';
const PRODUCTS = 'streams/v1/com.ubuntu.cloud:released:download.json';

let admin: Session;
let bench: Workbench;
let server: MirrorServer;
let keyring: string;
let otherKeyring: string;

/** Everything that the mirrors of this file could leave in the cloud, in any status, hidden or not. */
async function traces(contentId: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { id, status } of new Glance(admin, 'RegionOne').list({
    properties: { content_id: contentId },
  }))
    found.push(`image ${id} ${status}`);
  for (const user of ['local', 'local-member'] as const) {
    const session = await localSession(user);
    try {
      const { status } = await session.request({
        action: 'object',
        service: 'Swift',
        method: 'HEAD',
        url: await new Swift(session, 'RegionOne').publicUrl(container),
        expect: [200, 204, 404],
      });
      if (status !== 404) found.push(`${user}'s container`);
    } finally {
      await session.close();
    }
  }
  for (const { id, url } of await new KeystoneAdmin(admin).listEndpoints())
    if (url.includes(container)) found.push(`endpoint ${id}`);
  return found;
}

/** One line, `Code: sentence. what to do.`, the exit status of the table, no stack. */
function expectOneLine({ code, stderr, stdout }: Finished, expected: ErrorCode): void {
  const line = /^(?<code>[A-Za-z]+): (?<sentence>\S.*[.!?]) (?<remedy>\S.*[.!?])\n$/;
  expect(stderr).toMatch(line);
  expect(stderr.split(':')[0], stderr).toBe(expected);
  expect(code, stderr).toBe(ERROR_TABLE[expected].exit);
  expect(stdout + stderr).not.toMatch(/^\s+at .*[:(]\d+/m);
  expect(stdout + stderr).not.toMatch(/undefined|\[object|NaN/);
}

interface Bad {
  /** Reads as the end of the test's name. */
  what: string;
  code: ErrorCode;
  says: RegExp;
  mirror?: Record<string, unknown>;
  cloud?: Record<string, unknown>;
  prepare?: (root: string) => Promise<void> | void;
  items?: MirrorItem[];
  signed?: boolean;
  wait?: number;
  /** Paths below `files/` that may be asked for; by default none. */
  downloads?: boolean;
  /** Milliseconds that the command may take in all. */
  within?: number;
  stdout?: RegExp;
}

/** A mirror folder's address in the server, and its own content id. */
function nameOf({ what }: Bad): string {
  return what.replace(/[^a-z0-9]+/gi, '-').slice(0, 60);
}

const cases: Bad[] = [
  {
    what: 'a mirror that cannot be reached',
    code: 'MirrorUnreachable',
    says: /http:\/\/127\.0\.0\.1:1\/streams\/v1\/index\.json cannot be reached \(ECONNREFUSED\)/,
    mirror: { url: 'http://127.0.0.1:1/' },
    wait: 1,
  },
  {
    what: 'a host name that does not exist',
    code: 'MirrorUnreachable',
    says: /http:\/\/no-such-host\.invalid\/streams\/v1\/index\.json cannot be reached/,
    mirror: { url: 'http://no-such-host.invalid/' },
    wait: 1,
  },
  ...([404, 403, 500] as const).map((status): Bad => ({
    what: `a mirror that answers ${status}`,
    code: status === 404 ? 'MirrorNotFound' : status === 403 ? 'MirrorForbidden' : 'MirrorError',
    says: new RegExp(`index\\.json answered ${status}`),
    prepare: (root) =>
      server.faultAlways(join(root.slice(bench.mirrorRoot.length + 1), INDEX), { kind: 'status', status }),
    wait: 1,
    within: status === 500 ? 30_000 : 10_000,
  })),
  {
    what: 'a page of HTML instead of JSON',
    code: 'DocumentInvalid',
    says: /streams\/v1\/index\.json is a web page \(HTML\)/,
    prepare: (root) => writeFile(join(root, INDEX), '<!DOCTYPE html>\n<html><body>Welcome</body></html>\n'),
  },
  {
    what: 'an empty document',
    code: 'DocumentInvalid',
    says: /streams\/v1\/index\.json is (empty|not JSON)/,
    prepare: (root) => writeFile(join(root, INDEX), ''),
  },
  {
    what: 'an unsigned document where a signature is required',
    code: 'SignatureMissing',
    says: /streams\/v1\/index\.sjson/,
    mirror: { path: 'streams/v1/index.sjson', signature: 'require' },
    prepare: (root) => rename(join(root, INDEX), join(root, 'streams/v1/index.sjson')),
  },
  {
    what: 'an unsigned path without signature: skip',
    code: 'SignatureMissing',
    says: /streams\/v1\/index\.json/,
    mirror: { signature: 'require' },
  },
  {
    what: 'a signature by a key that the keyring lacks',
    code: 'SignatureKeyUnknown',
    says: /streams\/v1\/index\.sjson/,
    signed: true,
    mirror: { other_keyring: true },
  },
  {
    what: 'a keyring that is not there',
    code: 'KeyringMissing',
    says: /no-such-keyring\.gpg/,
    signed: true,
    mirror: { keyring: './no-such-keyring.gpg' },
  },
  {
    what: 'a signed document whose body was tampered with',
    code: 'SignatureInvalid',
    says: /\.sjson/,
    signed: true,
    prepare: async (root) => {
      const path = join(root, PRODUCTS.replace(/json$/, 'sjson'));
      await writeFile(path, (await readFile(path, 'utf8')).replace('"size": 100000', '"size": 100001'));
    },
  },
  {
    what: 'an index whose path escapes the root of the mirror',
    code: 'UnsafePath',
    says: /\.\.\/\.\.\/secret\.json/,
    prepare: async (root) => {
      const path = join(root, INDEX);
      await writeFile(path, (await readFile(path, 'utf8')).replaceAll(PRODUCTS, '../../secret.json'));
    },
  },
  {
    what: 'an item whose path escapes the root of the mirror',
    code: 'UnsafePath',
    says: /"disk1\.img" of "com\.ubuntu\.cloud:server:24\.04:amd64", has the path "\.\.\/\.\.\/\.\.\/etc\/passwd"/,
    items: [{ ...item, fields: { path: '../../../etc/passwd' } }],
  },
  {
    what: 'an item without a size',
    code: 'SyncIncomplete',
    says: /1 items? failed/,
    stdout: /ItemInvalid: .*size/,
    items: [{ ...item, fields: { size: undefined } }],
  },
  {
    what: 'an item without a checksum',
    code: 'SyncIncomplete',
    says: /1 items? failed/,
    stdout: /ItemInvalid: .*(checksum|sha256)/,
    items: [{ ...item, fields: { md5: undefined, sha256: undefined } }],
  },
  {
    what: 'an item with the wrong checksum',
    code: 'SyncIncomplete',
    says: /1 items? failed/,
    stdout: /ChecksumMismatch: /,
    items: [{ ...item, fields: { sha256: 'ab'.repeat(32), md5: undefined } }],
    downloads: true,
  },
  {
    what: 'a wrong password',
    code: 'Unauthorized',
    says: /http:\/\/127\.0\.0\.1:\d+\/v3/,
    cloud: { name: 'wrong-password' },
    within: 10_000,
    wait: 60,
  },
  {
    what: 'a Keystone that is not there',
    code: 'KeystoneUnreachable',
    says: /127\.0\.0\.1:1\b/,
    cloud: { name: 'no-keystone' },
    wait: 2,
  },
  {
    what: 'a region that Keystone does not know',
    code: 'RegionUnknown',
    says: /no region Atlantis; it has .*RegionOne/,
    cloud: { name: 'local', regions: ['Atlantis'] },
    within: 10_000,
    wait: 60,
  },
  {
    what: 'services that are not there within --wait',
    code: 'ServicesUnavailable',
    says: new RegExp(emptyRegion),
    cloud: { name: 'local', regions: [emptyRegion] },
    wait: 3,
  },
  {
    what: 'no right to make public images',
    code: 'VisibilityForbidden',
    says: /public/,
    cloud: { name: 'local-member' },
    mirror: { visibility: 'public' },
    within: 15_000,
  },
  {
    what: 'a cloud that clouds.yaml does not have',
    code: 'UnknownCloud',
    says: /nowhere/,
    cloud: { name: 'nowhere' },
    within: 10_000,
  },
];

/** The configuration of one case: a mirror folder, content id and prefix of its own. */
function configuration(bad: Bad, overrides: Record<string, unknown> = {}) {
  const name = nameOf(bad);
  const { other_keyring: other, ...mirror } = bad.mirror ?? {};
  const cloud = {
    name: 'local',
    regions: ['RegionOne'],
    publish: { to: 'swift', container, prefix: 'data/' },
    ...bad.cloud,
  };
  return {
    clouds: [cloud],
    mirrors: [
      {
        name,
        url: `${server.url}${name}/`,
        path: bad.signed ? 'streams/v1/index.sjson' : INDEX,
        ...(bad.signed ? {} : { signature: 'skip' }),
        keyring: other ? otherKeyring : bad.signed ? keyringOf(bad) : keyring,
        filters: ['ftype=disk1.img'],
        content_id: `${stem}.${name}`,
        name_prefix: `${stem}/`,
        visibility: 'private',
        ...mirror,
        ...overrides,
      },
    ],
  };
}

function keyringOf(bad: Bad): string {
  return join(bench.mirrorRoot, `${nameOf(bad)}-keys`, 'mirror-key.asc');
}

async function build(bad: Bad): Promise<void> {
  const root = join(bench.mirrorRoot, nameOf(bad));
  const made = await makeSmallMirror(root, bad.items ?? [item], { signed: bad.signed ?? false });
  if (bad.signed) {
    await mkdir(join(keyringOf(bad), '..'), { recursive: true });
    await rename(made.keyring, keyringOf(bad));
  }
  await bad.prepare?.(root);
}

beforeAll(async () => {
  admin = await localSession('local-admin');
  await admin.request({
    action: 'advertise',
    service: 'Keystone',
    method: 'POST',
    url: `${await admin.identityRoot()}/regions`,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ region: { id: emptyRegion } }),
  });
  bench = await Workbench.open('bad-input');
  keyring = join(bench.folder, 'good.asc');
  otherKeyring = join(bench.folder, 'other.asc');
  await makeSigner(keyring);
  await makeSigner(otherKeyring);
  server = await MirrorServer.start(bench.mirrorRoot);
  for (const bad of cases) await build(bad);
  bench.env.OS_CLIENT_CONFIG_FILE = await cloudsFile(bench.folder);
});

const cloudsSchema = z.object({
  clouds: z.record(z.string(), z.looseObject({ auth: z.looseObject({ password: z.string() }) })),
});

/** The local cloud's file with more entries: a wrong password, a Keystone that is not there. */
async function cloudsFile(folder: string, rename: Record<string, string> = {}): Promise<string> {
  const { clouds } = cloudsSchema.parse(load(await readFile(join(LOCAL_CLOUD, 'clouds.yaml'), 'utf8')));
  const { local } = clouds;
  if (!local) throw new Error('the local cloud has no entry "local"');
  clouds['wrong-password'] = { ...local, auth: { ...local.auth, password: 'not-the-password' } };
  clouds['no-keystone'] = { ...local, auth: { ...local.auth, auth_url: 'http://127.0.0.1:1/v3' } };
  for (const [name, meant] of Object.entries(rename)) {
    const entry = clouds[meant];
    if (entry) clouds[name] = entry;
  }
  const path = join(folder, `${['clouds', ...Object.values(rename)].join('-')}.yaml`);
  await writeFile(path, dump({ clouds }), { mode: 0o600 });
  return path;
}

afterAll(async () => {
  await bench?.close();
  await server?.close();
  if (!admin) return;
  for await (const image of new Glance(admin, 'RegionOne').list({})) {
    if (String(image.properties.content_id).startsWith(stem))
      await new Glance(admin, 'RegionOne').delete(image.id);
  }
  await admin.request({
    action: 'advertise',
    service: 'Keystone',
    method: 'DELETE',
    url: `${await admin.identityRoot()}/regions/${emptyRegion}`,
  });
  await admin.close();
});

describe('a sync with bad input says so in one line and changes nothing in the cloud:', () => {
  test.each(cases.map((bad) => [bad.what, bad.code, bad] as const))('%s is %s', async (_what, _code, bad) => {
    await bench.configure(configuration(bad));
    const requests = server.requests.length;
    const began = Date.now();
    const finished = await bench.run(['sync', '--wait', String(bad.wait ?? 5)]);
    const took = Date.now() - began;
    expectOneLine(finished, bad.code);
    expect(finished.stderr).toMatch(bad.says);
    if (bad.stdout) expect(finished.stdout).toMatch(bad.stdout);
    expect(took).toBeLessThan(bad.within ?? 30_000);
    const files = server.requests.slice(requests).filter(({ path }) => !path.includes('/streams/v1/'));
    expect(files.length > 0).toBe(bad.downloads ?? false);
    expect(await traces(`${stem}.${nameOf(bad)}`)).toEqual([]);
  });
});

describe('a configuration that cannot be used is told of before anything is started:', () => {
  const good: Bad = { what: 'plain', code: 'Internal', says: /./ };

  test('none at all is ConfigMissing', async () => {
    const { run } = await emptyFolder();
    const finished = await run(['sync']);
    expectOneLine(finished, 'ConfigMissing');
    expect(finished.stderr).toMatch(/image-stream\.yaml/);
  });

  test('one that is named and not there is ConfigMissing', async () => {
    const { run, folder } = await emptyFolder();
    const finished = await run(['-c', join(folder, 'gone.yaml'), 'sync']);
    expectOneLine(finished, 'ConfigMissing');
    expect(finished.stderr).toMatch(/gone\.yaml/);
  });

  test('an unknown key is ConfigInvalid with its line', async () => {
    await bench.configure(
      [
        'clouds:',
        '  - name: local',
        'mirrors:',
        '  - name: ubuntu',
        '    url: http://127.0.0.1:1/',
        '    filtres: []',
        '',
      ].join('\n'),
    );
    const finished = await bench.run(['sync']);
    expectOneLine(finished, 'ConfigInvalid');
    expect(finished.stderr).toMatch(
      /image-stream\.yaml:6: mirrors\[0\]\.filtres: unknown key \(did you mean filters\?\)/,
    );
  });

  test('a mirror that it does not have is UnknownMirror', async () => {
    await bench.configure(configuration(good));
    const finished = await bench.run(['sync', 'debian']);
    expectOneLine(finished, 'UnknownMirror');
  });

  test('a staging folder that cannot be made is StagingUnwritable, and leaves no run behind', async () => {
    const file = join(bench.folder, 'a-file');
    await writeFile(file, '');
    await bench.configure({ ...configuration(good), staging: { path: file } });
    const finished = await bench.run(['sync']);
    expectOneLine(finished, 'StagingUnwritable');
    expect(finished.stderr).toContain(file);
    expect(finished.stdout).toBe('');
  });

  test('a state folder that cannot be made is StateUnwritable', async () => {
    const file = join(bench.folder, 'another-file');
    await writeFile(file, '');
    await bench.configure(configuration(good));
    const finished = await bench.run(['sync'], { XDG_STATE_HOME: file });
    expectOneLine(finished, 'StateUnwritable');
    expect(finished.stderr).toContain(file);
  });

  test('a folder below /proc is refused at once, for staging and for state', async () => {
    const folder = '/proc/image-stream';
    await bench.configure({ ...configuration(good), staging: { path: folder } });
    const finished = await bench.run(['sync']);
    expectOneLine(finished, 'StagingUnwritable');
    expect(finished.stderr).toContain(folder);
    expectOneLine(await bench.run(['runs'], { XDG_STATE_HOME: folder }), 'StateUnwritable');
  });

  test('a Temporal server that is named and not there is TemporalUnreachable', async () => {
    await bench.configure(configuration(good));
    const finished = await bench.run(['sync'], { TEMPORAL_ADDRESS: '127.0.0.1:1' });
    expectOneLine(finished, 'TemporalUnreachable');
  });

  test.each(['', 'sync --wait=', 'sync --wait soon', 'sync --no-such-option', 'snyc'])(
    "'%s' is Usage",
    async (line) => {
      expectOneLine(await bench.run(line === '' ? [] : line.split(' ')), 'Usage');
    },
  );

  async function emptyFolder() {
    const folder = await mkdtemp(join(bench.folder, 'empty-'));
    const bin = join(import.meta.dirname, '..', '..', 'bin', 'image-stream');
    const run = async (args: string[]): Promise<Finished> => {
      const child = spawn(process.execPath, [bin, ...args], {
        cwd: folder,
        env: { ...bench.env, HOME: folder, XDG_CONFIG_HOME: join(folder, 'config') },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      return new Promise((settle) => child.once('close', (code) => settle({ code, stdout, stderr })));
    };
    return { folder, run };
  }
});

describe('under the name of a run that is under way:', () => {
  const slow: Bad = { what: 'slow', code: 'Internal', says: /./, items: [{ ...item, size: 20 * MIB }] };
  let first: ReturnType<Workbench['start']>;

  beforeAll(async () => {
    await build(slow);
    const path = join('slow/files', noble.replaceAll(':', '_'), '20240101/disk1.img');
    server.faultAlways(path, { kind: 'throttle', bytesPerSecond: 64 * 1024 });
    await bench.configure(configuration(slow));
    first = bench.start(['sync']);
    while (server.bytes(path) === 0) {
      if (first.exitCode !== null) throw new Error(`The slow sync ended: ${(await first.finished).stderr}`);
      await sleep(50);
    }
  });

  afterAll(async () => {
    first?.kill('SIGKILL');
    await first?.finished;
  });

  test('another configuration is ConfigurationDiffers, which names both', async () => {
    await bench.configure(configuration(slow, { visibility: 'community' }));
    const finished = await bench.run(['sync']);
    expectOneLine(finished, 'ConfigurationDiffers');
    expect(finished.stderr).toMatch(
      /sync\/slow is running with configuration [0-9a-f]{12}, and yours is [0-9a-f]{12}/,
    );
    const [theirs, mine] = finished.stderr.match(/[0-9a-f]{12}/g) ?? [];
    expect(theirs).not.toBe(mine);
    expect(await traces(`${stem}.slow`)).toEqual([]);
  });

  test('another cloud is CloudDiffers, which names both', async () => {
    await bench.configure(configuration(slow));
    const clouds = await cloudsFile(bench.folder, { local: 'local-member' });
    const finished = await bench.run(['sync'], { OS_CLIENT_CONFIG_FILE: clouds });
    expectOneLine(finished, 'CloudDiffers');
    expect(finished.stderr).toMatch(/local http:\S+ image-stream \S+.*and you mean local http:\S+ member/);
    expect(await traces(`${stem}.slow`)).toEqual([]);
  });

  test('the same one joins it', async () => {
    await bench.configure(configuration(slow));
    const second = bench.start(['sync']);
    let shown = '';
    second.stdout?.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    while (shown === '' && second.exitCode === null) await sleep(50);
    second.kill('SIGKILL');
    expect((await second.finished).stdout).toMatch(/sync\/slow is under way and is gone on with/);
  });

  test('Ctrl-C ends the command in order: exit 130, a word on what stays, nothing on standard error', async () => {
    first.kill('SIGINT');
    const { code, stdout, stderr } = await first.finished;
    expect(stderr).toBe('');
    expect(code).toBe(130);
    expect(stdout).toMatch(
      /\nInterrupted, ending: the same command goes on with the run; what was staged stays\.\n/,
    );
  });
});
