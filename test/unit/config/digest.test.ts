import { expect, test } from 'vitest';

import { configDigest, stateFolder } from '../../../config/index.js';
import { loadText, withMirror } from './support.js';

const digestOf = async (
  text: string,
  descriptions: string[] = ['prod: https://k.test/v3, admin in images'],
) => configDigest(await loadText(text), 'ubuntu', descriptions);

test('gives one digest for one meaning, however it is written', async () => {
  const written = await digestOf(withMirror('max: 1', 'keep: false', "custom_properties: {a: '1', b: '2'}"));
  const otherwise = await digestOf(withMirror("custom_properties: {b: '2', a: '1'}", 'max: 1'));
  expect(written).toMatch(/^[0-9a-f]{64}$/);
  expect(otherwise).toBe(written);
});

test.each([
  ['max', 'max: 2'],
  ['the filters', "filters: ['release=noble']"],
  ['the visibility', 'visibility: private'],
  ['the content id', 'content_id: other'],
  ['the keyring', 'keyring: /other.gpg'],
  ['the fall-back mirrors', 'fallback_urls: [https://other.test/]'],
])('changes with %s', async (_what, line) => {
  expect(await digestOf(withMirror(line))).not.toBe(await digestOf(withMirror()));
});

test.each([
  ['the schedule', 'schedule: daily'],
  ['the concurrency', 'concurrency: 9'],
  ['the transfer timeout', 'transfer_timeout: 2h'],
  ['what counts as stalled', 'stall_timeout: 5s'],
  ['what counts as slow', 'slow_limit: 1MiB'],
])('does not change with %s', async (_what, line) => {
  expect(await digestOf(withMirror(line))).toBe(await digestOf(withMirror()));
});

test('does not change with a password in a URL', async () => {
  const withUser = withMirror('fallback_urls: [https://u:old@b.test/]').replace(
    'https://mirror',
    'https://me:first@mirror',
  );
  const changed = withMirror('fallback_urls: [https://u:new@b.test/]').replace(
    'https://mirror',
    'https://me:second@mirror',
  );
  expect(await digestOf(withUser)).toBe(await digestOf(changed));
});

test('changes with the cloud behind the name, and not with the order of clouds', async () => {
  const text = withMirror();
  expect(await digestOf(text, ['a', 'b'])).toBe(await digestOf(text, ['b', 'a']));
  expect(await digestOf(text, ['a'])).not.toBe(await digestOf(text, ['b']));
});

test('changes with the settings of its clouds, and not with those of others', async () => {
  const base = withMirror('clouds: [prod]');
  const other = base.replace('  - name: prod', '  - name: prod\n  - name: dev');
  expect(await digestOf(other)).toBe(await digestOf(base));
  expect(await digestOf(base.replace('  - name: prod', '  - {name: prod, regions: [r]}'))).not.toBe(
    await digestOf(base),
  );
});

test('names the mirrors there are when asked for another', async () => {
  const configuration = await loadText(withMirror());
  expect(() => configDigest(configuration, 'debian')).toThrow(
    expect.objectContaining({ code: 'UnknownMirror' }),
  );
  expect(() => configDigest(configuration, 'debian')).toThrow(/"debian".*ubuntu/);
});

test('gives each configuration file a state folder of its own', () => {
  const env = { XDG_STATE_HOME: '/state' };
  expect(stateFolder({ file: '/a.yaml' }, env)).toMatch(/^\/state\/image-stream\/[0-9a-f]{12}$/);
  expect(stateFolder({ file: '/a.yaml' }, env)).not.toBe(stateFolder({ file: '/b.yaml' }, env));
  expect(stateFolder({ file: '/a.yaml' }, { HOME: '/h', XDG_STATE_HOME: 'relative' })).toMatch(
    /^\/h\/\.local\/state\/image-stream\//,
  );
});
