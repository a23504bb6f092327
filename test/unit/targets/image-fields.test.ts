import { expect, test } from 'vitest';
import {
  diskFormat,
  glanceArchitecture,
  imageFields,
  metadataJson,
} from '../../../targets/glance/image-fields.js';
import type { CandidateItem } from '../../../targets/plan.js';
import { PRODUCT, SETTINGS, SOURCE, digestOf, item } from './support.js';

const fields = (candidate: CandidateItem, settings = SETTINGS) =>
  imageFields({ ...candidate, digest: digestOf('a') }, settings);
const without = (candidate: CandidateItem, ...keys: string[]): CandidateItem => ({
  ...candidate,
  data: new Map([...candidate.data].filter(([key]) => !keys.includes(key))),
});

test('names an image by prefix, pubname and item', () => {
  expect(fields(item('20240101')).name).toBe('auto-sync/ubuntu-noble-24.04-amd64-server-20240101-disk1.img');
});

test('adds the item no second time to a name that ends in it', () => {
  expect(fields(item('20240101', { pubname: 'noble-disk1.img' })).name).toBe('auto-sync/noble-disk1.img');
});

test('names an image by name where it has no pubname', () => {
  const one = item('20240101', { name: 'noble' });
  expect(fields(without(one, 'pubname')).name).toBe('auto-sync/noble-disk1.img');
});

test('names an image by product and version where it has neither or an empty one', () => {
  const name = `auto-sync/${PRODUCT}-20240101-disk1.img`;
  expect(fields(without(item('20240101'), 'pubname')).name).toBe(name);
  expect(fields(item('20240101', { pubname: '' })).name).toBe(name);
});

test('sets the properties that the Python tool sets', () => {
  expect(fields(item('20240101')).properties).toMatchObject({
    content_id: 'auto.sync',
    source_content_id: SOURCE,
    product_name: PRODUCT,
    version_name: '20240101',
    item_name: 'disk1.img',
    os_distro: 'ubuntu',
    os_version: '24.04',
    architecture: 'x86_64',
  });
});

test('marks an image with its mirror and the digest of its source', () => {
  expect(fields(item('20240101')).properties).toMatchObject({
    image_stream_mirror: 'ubuntu',
    image_stream_digest: `sha256:${'a'.repeat(64)}`,
  });
});

test('sets no os_distro, os_version or architecture for an item without os, version and arch', () => {
  const { properties } = fields(without(item('20240101'), 'os', 'version', 'arch'));
  expect(Object.keys(properties)).not.toEqual(expect.arrayContaining(['os_distro']));
  expect(properties).not.toHaveProperty('os_version');
  expect(properties).not.toHaveProperty('architecture');
});

test('sets no property to nothing, which Glance would not keep', () => {
  expect(fields(item('20240101', { os: '' })).properties).not.toHaveProperty('os_distro');
});

test('makes an image of the configured visibility', () => {
  expect(fields(item('20240101'), { ...SETTINGS, visibility: 'community' }).visibility).toBe('community');
});

test('takes custom properties with spaces and equal signs as they are', () => {
  const customProperties = { hw_vif: 'a=b c=d', os_distro: 'mine' };
  expect(fields(item('20240101'), { ...SETTINGS, customProperties }).properties).toMatchObject(
    customProperties,
  );
});

test('lets no custom property change who an image is', () => {
  const customProperties = { content_id: 'x', image_stream_mirror: 'x', simplestreams_metadata: 'x' };
  const { properties } = fields(item('20240101'), { ...SETTINGS, customProperties });
  expect(Object.values(properties)).not.toContain('x');
});

test.each([
  ['amd64', 'x86_64'],
  ['i386', 'i686'],
  ['ppc64el', 'ppc64le'],
  ['powerpc', 'ppc'],
  ['armhf', 'armv7l'],
  ['arm64', 'aarch64'],
  ['ARM64', 'aarch64'],
  ['s390x', 's390x'],
  ['constructor', 'constructor'],
])('knows the architecture %s as %s', (arch, expected) => {
  expect(glanceArchitecture(arch)).toBe(expected);
});

test.each([
  ['disk1.img', 'qcow2'],
  ['disk.img', 'qcow2'],
  ['root.tar.gz', 'root-tar'],
  ['root.tar.xz', 'root-tar'],
  ['ROOT.TAR.XZ', 'root-tar'],
  ['squashfs', 'squashfs'],
  ['toString', 'qcow2'],
  [undefined, 'qcow2'],
])('gives the ftype %s the disk format %s', (ftype, expected) => {
  expect(diskFormat(ftype)).toBe(expected);
});

test.each([
  ['disk1.img', 'qemu'],
  ['disk-kvm.img', 'qemu'],
  ['squashfs', 'lxc'],
  ['root.tar.xz', 'lxc'],
  ['vmdk', undefined],
])('maps the ftype %s to the hypervisor %s where that is asked for', (ftype, expected) => {
  const settings = { ...SETTINGS, hypervisorMapping: true };
  expect(fields(item('20240101', { ftype }), settings).properties['hypervisor_type']).toBe(expected);
});

test('maps no hypervisor where it is not asked for', () => {
  expect(fields(item('20240101')).properties).not.toHaveProperty('hypervisor_type');
});

test('writes the metadata as Python’s json.dumps with sorted keys does', () => {
  const data = new Map([
    ['b', 'two'],
    ['a', 'é "\\/\n\u007f\u001f'],
    ['emoji', '\u{1f600}'],
    ['B', ''],
  ]);
  expect(metadataJson(data)).toBe(
    '{"B": "", "a": "\\u00e9 \\"\\\\/\\n\\u007f\\u001f", "b": "two", "emoji": "\\ud83d\\ude00"}',
  );
});

test('sorts the metadata by code point, as Python does', () => {
  const data = new Map([
    ['\u{1f600}', '2'],
    ['\uff01', '1'],
  ]);
  expect(metadataJson(data)).toBe('{"\\uff01": "1", "\\ud83d\\ude00": "2"}');
});

test('leaves names and path out of the metadata', () => {
  const data = new Map(
    ['product_name', 'version_name', 'item_name', 'path', 'arch'].map((key) => [key, 'x']),
  );
  expect(metadataJson(data)).toBe('{"arch": "x"}');
});

test('keeps only the item’s own data as metadata, not that of the document', () => {
  const one = { ...item('20240101'), ownData: new Map([['arch', 'amd64']]) };
  expect(fields(one).properties['simplestreams_metadata']).toBe('{"arch": "amd64"}');
});
