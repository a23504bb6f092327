import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';

import { loadConfiguration } from '../../../config/index.js';
import { loadError, loadText, minimal, temporaryFolder, withMirror } from './support.js';

test('fills in every default of the smallest configuration', async () => {
  const { mirrors, clouds, staging, file } = await loadText(minimal);
  expect(clouds).toEqual([
    {
      name: 'prod',
      regions: undefined,
      publish: { to: 'swift', container: 'simplestreams', prefix: 'data/' },
      cloudName: 'image-stream',
      advertise: true,
      authUrls: [],
    },
  ]);
  expect(mirrors).toEqual([
    {
      name: 'ubuntu',
      url: 'https://mirror.test/releases/',
      fallbackUrls: [],
      path: 'streams/v1/index.sjson',
      keyring: '/usr/share/keyrings/ubuntu-cloudimage-keyring.gpg',
      signature: 'require',
      filters: ['ftype~(disk1.img|disk.img)', 'arch~(x86_64|amd64|i386)'],
      indexFilters: ['datatype=image-downloads'],
      max: undefined,
      keep: false,
      retire: 'delete',
      retireAfter: 30 * 24 * 3600e3,
      inUse: 'hide',
      shrinkLimit: 0.5,
      allowOlder: false,
      clouds: ['prod'],
      contentId: 'auto.sync',
      namePrefix: 'auto-sync/',
      visibility: 'public',
      customProperties: {},
      hypervisorMapping: false,
      schedule: undefined,
      concurrency: 4,
      documentLimit: 64 * 2 ** 20,
      transferTimeout: 86_400_000,
      stallTimeout: 30_000,
      slowLimit: 65_536,
      slowWindow: 60_000,
      smallItemLimit: 16 * 2 ** 20,
    },
  ]);
  expect(staging.path).toMatch(/home\/\.cache\/image-stream\/staging$/);
  expect(staging.budget).toBeUndefined();
  expect(file).toMatch(/image-stream\.yaml$/);
});

test('reads every key of the file', async () => {
  const { mirrors, clouds, staging } = await loadText(`
clouds:
  - name: prod
    regions: [RegionOne, RegionTwo]
    publish: {to: directory, path: www}
    cloud_name: my cloud
    auth_urls: ['http://10.0.0.1:5000/v3']
  - {name: dev, publish: none}
staging: {path: ~/staged, budget: 200GiB}
mirrors:
  - name: m
    url: http://user:secret@mirror.test/a/
    fallback_urls: [https://b.test]
    path: streams/v1/index.json
    signature: skip
    keyring: keys/
    filters: []
    index_filters: ['datatype=image-downloads', 'format=products:1.0']
    max: 2
    keep: true
    clouds: [dev]
    content_id: 'x.{mirror}.{region}'
    name_prefix: ''
    visibility: private
    custom_properties: {hw_disk_bus: virtio, hw_vif_multiqueue_enabled: true, hw_cpu_cores: 4}
    hypervisor_mapping: true
    schedule: {every: 6h, jitter: 10m}
    concurrency: 8
    document_limit: 1MiB
    transfer_timeout: 90m
    stall_timeout: 45s
    slow_limit: 1MiB
    slow_window: 2m
    small_item_limit: 1024
`);
  expect(clouds).toMatchObject([
    {
      regions: ['RegionOne', 'RegionTwo'],
      cloudName: 'my cloud',
      advertise: false,
      authUrls: ['http://10.0.0.1:5000/v3'],
    },
    { name: 'dev', publish: { to: 'none' }, advertise: false },
  ]);
  const publish = clouds[0]?.publish;
  expect(publish?.to === 'directory' && publish.path).toMatch(/^\/.*\/www$/);
  expect(staging.path).toMatch(/\/home\/staged$/);
  expect(staging.budget).toBe(200 * 2 ** 30);
  expect(mirrors[0]).toMatchObject({
    fallbackUrls: ['https://b.test/'],
    signature: 'skip',
    filters: [],
    max: 2,
    keep: true,
    clouds: ['dev'],
    contentId: 'x.{mirror}.{region}',
    namePrefix: '',
    visibility: 'private',
    customProperties: { hw_disk_bus: 'virtio', hw_vif_multiqueue_enabled: 'true', hw_cpu_cores: '4' },
    hypervisorMapping: true,
    schedule: { everyMs: 21_600_000, jitterMs: 600_000, timezone: 'UTC' },
    concurrency: 8,
    documentLimit: 2 ** 20,
    transferTimeout: 5_400_000,
    stallTimeout: 45_000,
    slowLimit: 1_048_576,
    slowWindow: 120_000,
    smallItemLimit: 1024,
  });
  expect(mirrors[0]?.keyring).toMatch(/^\/.*\/keys$/);
});

test('names the key, its line and the key that was probably meant', async () => {
  const error = await loadError(withMirror('max: 1', 'filtres: []'));
  expect(error.code).toBe('ConfigInvalid');
  expect(error.message).toBe('image-stream.yaml:7: mirrors[0].filtres: unknown key (did you mean filters?)');
});

test('tells of every problem, the first one in the message', async () => {
  const error = await loadError(withMirror('max: 0', 'visibility: open', 'clouds: prod'));
  expect(error.message).toMatch(
    /^image-stream\.yaml:6: mirrors\[0\]\.max: must be 1 or more \(and 2 more\)$/,
  );
  expect(error.details['problems']).toEqual([
    'image-stream.yaml:6: mirrors[0].max: must be 1 or more',
    'image-stream.yaml:7: mirrors[0].visibility: must be public or private or community or shared',
    'image-stream.yaml:8: mirrors[0].clouds: must be a list',
  ]);
});

test.each([
  [
    'an unsigned path without a policy',
    ['path: streams/v1/index.json'],
    6,
    'ConfigInvalid',
    /signature: skip/,
  ],
  ['keep without max', ['keep: true'], 6, 'ConfigInvalid', /needs max/],
  ['a share that is none', ['shrink_limit: 0.5'], 6, 'ConfigInvalid', /percentage such as 50%/],
  ['a share above all', ['shrink_limit: 101%'], 6, 'ConfigInvalid', /percentage such as 50%/],
  ['an age without retirement', ['retire_after: 7d'], 6, 'ConfigInvalid', /needs retire/],
  [
    'a cloud that the file does not have',
    ['clouds:', '  - prod', '  - prdo'],
    8,
    'ConfigInvalid',
    /prdo is no cloud/,
  ],
  ['a cloud named twice', ['clouds: [prod,', '  prod]'], 7, 'ConfigInvalid', /twice/],
  [
    'a filter without operator',
    ['filters:', "  - 'arch=amd64'", "  - 'arch'"],
    8,
    'FilterSyntax',
    /key=value/,
  ],
  [
    'a filter whose expression is broken',
    ["index_filters: ['arch~(a']"],
    6,
    'FilterSyntax',
    /regular expression/,
  ],
  ['a schedule that is none', ['schedule: fortnightly'], 6, 'ScheduleInvalid', /hourly, daily/],
  ['a schedule with an unknown key', ['schedule: {evry: 6h}'], 6, 'ScheduleInvalid', /every, jitter/],
  ['a path that leaves the mirror', ['path: ../secret.sjson'], 6, 'ConfigInvalid', /without \.\./],
  ['a content id that is a path', ['content_id: a/b'], 6, 'ConfigInvalid', /must be letters/],
  ['a content id with another placeholder', ["content_id: 'a.{cloud}'"], 6, 'ConfigInvalid', /\{region\}/],
  [
    'a property that image-stream sets',
    ['custom_properties:', '  content_id: x'],
    7,
    'ConfigInvalid',
    /sets itself/,
  ],
  [
    'a property of its own prefix',
    ['custom_properties: {image_stream_mirror: x}'],
    6,
    'ConfigInvalid',
    /sets itself/,
  ],
  [
    'a property that YAML reads as a fraction',
    ['custom_properties:', '  v: 1.10'],
    7,
    'ConfigInvalid',
    /in quotes/,
  ],
  ['a transfer timeout without unit', ['transfer_timeout: 24'], 6, 'ConfigInvalid', /such as 24h/],
  ['a size that is none', ['document_limit: much'], 6, 'ConfigInvalid', /such as 200GiB/],
  ['too much concurrency', ['concurrency: 33'], 6, 'ConfigInvalid', /32 or less/],
  ['a name prefix with a line break', ['name_prefix: "a\\nb"'], 6, 'ConfigInvalid', /control characters/],
])('refuses %s, with its line', async (_what, lines, line, code, message) => {
  const error = await loadError(withMirror(...lines));
  expect(error.code).toBe(code);
  expect(error.message).toMatch(message);
  expect(error.message).toContain(`image-stream.yaml:${line}: mirrors[0].`);
  expect(error.exit).toBe(2);
});

test.each([
  ['an unknown publish target', 'publish: {to: ftp}', /swift, container/],
  ['a container with a slash', 'publish: {to: swift, container: a/b}', /without a slash/],
  ['a prefix that leaves the container', 'publish: {to: swift, prefix: ../x}', /without \.\./],
  ['a directory without path', 'publish: {to: directory}', /is missing/],
  ['advertising what is not published', '{publish: none, advertise: true}', /needs publish to swift/],
  ['an auth URL with a user', 'auth_urls: [http://u:hunter2@k.test/v3]', /without a user/],
  ['an empty list of regions', 'regions: []', /leave the key out/],
])('refuses %s', async (_what, line, message) => {
  const cloud = line.startsWith('{') ? `  - {name: prod, ${line.slice(1)}` : `  - name: prod\n    ${line}`;
  const error = await loadError(`clouds:\n${cloud}\nmirrors: [{name: a, url: 'http://a.test'}]\n`);
  expect(error.code).toBe('ConfigInvalid');
  expect(error.message).toMatch(message);
  expect(error.message).toMatch(/image-stream\.yaml:[23]: clouds\[0\]/);
  expect(JSON.stringify(error.details)).not.toContain('hunter2');
});

test('never repeats the text of a URL, which may hold a password', async () => {
  for (const url of [
    'ftp://user:hunter2@mirror.test/',
    'https://user:hunter2@mirror.test/?x=1',
    'user:hunter2@mirror',
  ]) {
    const error = await loadError(`clouds: [{name: p}]\nmirrors: [{name: a, url: '${url}'}]\n`);
    expect(error.message).toMatch(/mirrors\[0\]\.url: must be/);
    expect(`${error.message}${JSON.stringify(error.details)}`).not.toContain('hunter2');
  }
});

test('refuses names that could not be ids or file names', async () => {
  for (const name of ['a/b', '..', '', 'x'.repeat(65), 'ä']) {
    const error = await loadError(
      `clouds: [{name: p}]\nmirrors: [{name: '${name}', url: 'http://a.test'}]\n`,
    );
    expect(error.message).toMatch(/image-stream\.yaml:2: mirrors\[0\]\.name: must be 1 to 64/);
  }
});

test('refuses a file that is empty, no mapping, no text or too large', async () => {
  expect((await loadError('')).message).toMatch(/is empty/);
  expect((await loadError('# nothing yet\n')).message).toMatch(/is empty/);
  expect((await loadError('- a\n')).message).toMatch(/:1: must be a mapping/);
  expect((await loadError(Buffer.from([0x61, 0xff, 0xfe]))).message).toMatch(/not UTF-8/);
  expect((await loadError(`${minimal}#${'x'.repeat(2 ** 20)}`)).message).toMatch(/larger than 1 MiB/);
});

test('refuses a configuration without mirrors, or with a mirror that has neither a cloud nor a directory', async () => {
  expect((await loadError('clouds: [{name: a}]\n')).message).toMatch(/mirrors: is missing/);
  expect((await loadError('mirrors: []\n')).message).toMatch(/mirrors/);
  const mirror = '{name: m, url: "http://x/"}';
  expect((await loadError(`mirrors: [${mirror}]\n`)).message).toMatch(
    /needs a cloud under clouds, or a directory/,
  );
});

test('takes a mirror with a directory instead of clouds, with every item unless it says otherwise', async () => {
  const { mirrors } = await loadText('mirrors: [{name: m, url: "file:///srv/source", directory: there}]\n');
  expect(mirrors).toMatchObject([
    {
      url: 'file:///srv/source/',
      clouds: [],
      filters: [],
      indexFilters: [],
      directory: { path: expect.stringMatching(/^\/.*\/there$/) as string, items: true, index: 'verbatim' },
    },
  ]);
});

test('refuses a directory beside clouds, two mirrors in one folder, and a cloud called directory', async () => {
  const mirror = (name: string, directory: string, more = '') =>
    `{name: ${name}, url: "http://x/", directory: ${directory}${more}}`;
  const beside = `clouds: [{name: a}]\nmirrors: [${mirror('m', '/srv/a', ', clouds: [a]')}]\n`;
  expect((await loadError(beside)).message).toMatch(/cannot stand beside directory/);
  const nested = `mirrors: [${mirror('m', '/srv/a')}, ${mirror('n', '/srv/a/b')}]\n`;
  expect(await loadError(nested)).toMatchObject({ code: 'ConfigConflict' });
  const named = `clouds: [{name: directory}]\nmirrors: [${mirror('m', '/srv/a')}]\n`;
  expect((await loadError(named)).message).toMatch(/directory is what/);
});

test('names the line where YAML itself fails', async () => {
  const error = await loadError('clouds:\n  - name: a\n    name: b\n');
  expect(error.code).toBe('ConfigInvalid');
  expect(error.message).toBe('image-stream.yaml:3: this key is there twice');
});

test('refuses two mirrors or clouds of one name', async () => {
  const error = await loadError(
    "clouds: [{name: p}]\nmirrors:\n- {name: a, url: 'http://a.test'}\n- {name: a, url: 'http://b.test'}\n",
  );
  expect(error.code).toBe('ConfigConflict');
  expect(error.message).toBe('image-stream.yaml:4: mirrors[1].name: a is the name of another entry');
  expect(error.hint).toBe('Give each of the mirrors a name of its own.');
});

test('refuses two mirrors that take the same items into the same cloud', async () => {
  const error = await loadError(
    "clouds: [{name: p}]\nmirrors:\n- {name: a, url: 'http://u:p@a.test'}\n- {name: b, url: 'https://a.test/'}\n",
  );
  expect(error.code).toBe('ConfigConflict');
  expect(error.message).toMatch(/^image-stream\.yaml:4: mirrors\[1\]: takes the same items as mirror a/);
});

test('lists the places it looked at when there is no file', async () => {
  const cwd = await temporaryFolder();
  const error: unknown = await loadConfiguration({
    cwd,
    env: { HOME: '/nowhere', XDG_CONFIG_HOME: join(cwd, 'etc') },
  }).catch((e: unknown) => e);
  expect(error).toMatchObject({ code: 'ConfigMissing' });
  expect(String(error)).toContain(
    'image-stream.yaml, etc/image-stream/config.yaml, /etc/image-stream/config.yaml',
  );
});

test('fails on the named file rather than take another one', async () => {
  const cwd = await temporaryFolder();
  await writeFile(join(cwd, 'image-stream.yaml'), minimal);
  await expect(loadConfiguration({ file: 'other.yaml', cwd, env: {} })).rejects.toThrow(
    /looked at other\.yaml/,
  );
});

test('says so when the named file is a folder', async () => {
  const cwd = await temporaryFolder();
  await expect(loadConfiguration({ file: cwd, cwd: '/', env: {} })).rejects.toThrow(
    /cannot be read \(EISDIR\)/,
  );
});

test('prefers the file of the folder to that of the user', async () => {
  const cwd = await temporaryFolder();
  const env = { HOME: cwd };
  await mkdir(join(cwd, '.config', 'image-stream'), { recursive: true });
  await writeFile(join(cwd, '.config', 'image-stream', 'config.yaml'), minimal.replace('ubuntu', 'users'));
  expect((await loadConfiguration({ cwd, env })).mirrors[0]?.name).toBe('users');
  await writeFile(join(cwd, 'image-stream.yaml'), minimal);
  expect((await loadConfiguration({ cwd, env })).mirrors[0]?.name).toBe('ubuntu');
});

test('knows a file by its real path, and resolves paths from there', async () => {
  const folder = await temporaryFolder();
  const cwd = await temporaryFolder();
  await writeFile(join(folder, 'real.yaml'), withMirror('keyring: keys.gpg'));
  await symlink(join(folder, 'real.yaml'), join(cwd, 'image-stream.yaml'));
  const { file, mirrors } = await loadConfiguration({ cwd, env: {} });
  expect(file).toBe(join(folder, 'real.yaml'));
  expect(mirrors[0]?.keyring).toBe(join(folder, 'keys.gpg'));
});
