import { expect, test } from 'vitest';
import type { InventoryImage } from '../../../targets/glance/inventory.js';
import { publishedImages } from '../../../targets/publish/published-images.js';
import { PRODUCT, imageOf, item } from './support.js';

const PLACE = { region: 'RegionOne', endpoint: 'http://keystone:5000/v3', owner: 'project' };
const publish = (...images: InventoryImage[]) =>
  publishedImages(images, PLACE).map(({ version, item: name, data }) => ({
    version,
    item: name,
    ...Object.fromEntries(data),
  }));
const with_ = (path: string, properties: Record<string, string>, more: Partial<InventoryImage> = {}) => {
  const image = imageOf(item(path), more);
  return { ...image, properties: { ...image.properties, ...properties } };
};
const kvm = { hypervisor_type: 'qemu' };

test('publishes an active image with its id, place and owner', () => {
  expect(publish(imageOf(item('20240101'), { id: 'uuid' }))).toMatchObject([
    { id: 'uuid', region: 'RegionOne', endpoint: 'http://keystone:5000/v3', owner_id: 'project' },
  ]);
});

test('gives every item the arch, version and release that Juju looks for', () => {
  expect(publish(imageOf(item('20240101')))).toMatchObject([
    { arch: 'amd64', version: '24.04', release: 'noble' },
  ]);
});

test.each(['queued', 'saving', 'deactivated', 'killed', 'importing'])(
  'does not publish an image that is %s',
  (status) => {
    expect(publish(imageOf(item('20240101'), { status }))).toEqual([]);
  },
);

test.each(['2025-01-01T00:00:00Z', 'nonsense'])(
  'does not publish a retired image, whatever its visibility (%s)',
  (date) => {
    const community = with_('20240101', { image_stream_retired: date }, { visibility: 'community' });
    expect(publish(community, imageOf(item('20240201')))).toMatchObject([
      { item: 'disk1.img', id: imageOf(item('20240201')).id },
    ]);
  },
);

test('does not publish an image whose bytes were never compared, or one that is hidden', () => {
  const unverified = with_('20240101', { image_stream_verified: 'f'.repeat(32) });
  expect(publish(unverified)).toEqual([]);
  expect(publish(imageOf(item('20240101'), { hidden: true }))).toEqual([]);
});

test('publishes what Glance holds: size, checksum and name', () => {
  const image = imageOf(item('20240101'), { size: 5, checksum: 'f'.repeat(32), name: 'renamed' });
  expect(publish(image)).toMatchObject([{ size: '5', md5: 'f'.repeat(32), name: 'renamed' }]);
});

test('publishes strings only, whatever somebody wrote into the metadata', () => {
  const simplestreams_metadata = '{"arch": 7, "version": null, "os": ["x"], "label": "release"}';
  const [one] = publishedImages([with_('20240101', { simplestreams_metadata })], PLACE);
  expect([...(one?.data.values() ?? [])].every((value) => typeof value === 'string')).toBe(true);
  expect(one?.data.get('label')).toBe('release');
  expect(one?.data.has('arch')).toBe(false);
});

test.each(['{', '[]', '"x"', '', '{"a": 1e999}'])('bears metadata that is %s', (simplestreams_metadata) => {
  expect(publish(with_('20240101', { simplestreams_metadata }))).toMatchObject([{ region: 'RegionOne' }]);
});

test('does not let metadata speak for the place', () => {
  const simplestreams_metadata =
    '{"region": "evil", "endpoint": "http://evil", "id": "evil", "owner_id": "evil"}';
  expect(JSON.stringify(publish(with_('20240101', { simplestreams_metadata })))).not.toContain('evil');
});

test('publishes one item a version, a disk image first', () => {
  const names = ['20240101/a.tar.gz', '20240101/disk1.img', '20240101/disk.img'];
  expect(publish(...names.map((name) => imageOf(item(name)))).map((one) => one.item)).toEqual(['disk1.img']);
});

test('publishes the same one of two equal images whatever the order', () => {
  const pair = [imageOf(item('20240101'), { id: 'b' }), imageOf(item('20240101'), { id: 'a' })];
  expect(publish(...pair)).toEqual(publish(...[...pair].reverse()));
});

test('publishes every version', () => {
  expect(publish(imageOf(item('20240101')), imageOf(item('20240201')))).toHaveLength(2);
});

test('says virt where every image of a product has a hypervisor', () => {
  expect(
    publish(with_('20240101', kvm), with_('20240201', kvm)).map((one) => 'virt' in one && one.virt),
  ).toEqual(['kvm', 'kvm']);
});

test.each([undefined, 'vmware', 'constructor', ''])(
  'says virt on no image of a product where one has the hypervisor %s, since Juju would boot the wrong version',
  (hypervisor_type) => {
    const other = with_('20240201', hypervisor_type === undefined ? {} : { hypervisor_type });
    for (const one of publish(with_('20240101', kvm), other)) expect(one).not.toHaveProperty('virt');
  },
);

test('says no virt that only the metadata knows', () => {
  expect(publish(with_('20240101', { simplestreams_metadata: '{"virt": "kvm"}' }))[0]).not.toHaveProperty(
    'virt',
  );
});

test('publishes a virtual machine and a container of one version side by side', () => {
  const images = [with_('20240101', kvm), with_('20240101/root.tar.xz', { hypervisor_type: 'lxc' })];
  expect(
    publish(...images)
      .map((one) => ('virt' in one ? one.virt : ''))
      .sort(),
  ).toEqual(['kvm', 'lxd']);
});

test('keeps the mirror’s checksums of an image whose bytes are the mirror’s', () => {
  const metadata = JSON.stringify({ md5: 'c'.repeat(32), sha256: 'a'.repeat(64), size: '1000' });
  expect(publish(with_('20240101', { simplestreams_metadata: metadata }))).toMatchObject([
    { sha256: 'a'.repeat(64) },
  ]);
});

test.each([
  ['md5', { md5: 'd'.repeat(32), sha256: 'a'.repeat(64) }],
  ['size', { size: '999', sha256: 'a'.repeat(64) }],
])('drops the mirror’s checksums where the %s tells that the file was modified', (_what, metadata) => {
  const simplestreams_metadata = JSON.stringify(metadata);
  expect(publish(with_('20240101', { simplestreams_metadata }))[0]).not.toHaveProperty('sha256');
});

test('tells products apart', () => {
  const other = imageOf(item('20240101', {}, `${PRODUCT}2`));
  expect(publish(imageOf(item('20240101')), other)).toHaveLength(2);
});
