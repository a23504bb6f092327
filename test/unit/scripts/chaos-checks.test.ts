import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { GlanceImage } from '../../../openstack/index.js';
import { brokenImages } from '../../../scripts/chaos.d/check-images.js';
import { examineStaging } from '../../../scripts/chaos.d/check-staging.js';

const product = 'com.ubuntu.cloud:server:24.04:arm64';
const version = {
  product,
  version: '20260001',
  item: 'disk1.img',
  path: 'files/x',
  size: 5,
  md5: 'm',
  sha256: 's',
  sha512: 'h',
};
const expected = {
  wanted: [version],
  contentId: 'c',
  sourceContentId: 'source',
  mirrorName: 'chaos',
  namePrefix: 'c/',
};
const right: GlanceImage = {
  id: 'one',
  name: 'c/ubuntu-24.04-arm64-server-20260001-disk1.img',
  status: 'active',
  visibility: 'public',
  owner: 'us',
  osHidden: false,
  protected: false,
  size: 5,
  checksum: 'm',
  osHashAlgo: 'sha512',
  osHashValue: 'h',
  diskFormat: 'qcow2',
  containerFormat: 'bare',
  tags: [],
  createdAt: '',
  updatedAt: '',
  properties: {
    content_id: 'c',
    source_content_id: 'source',
    product_name: product,
    version_name: '20260001',
    item_name: 'disk1.img',
    os_distro: 'ubuntu',
    os_version: '24.04',
    architecture: 'aarch64',
    image_stream_mirror: 'chaos',
    image_stream_digest: 'sha256:s',
    image_stream_verified: 'm',
  },
};

test('one active image with the right bytes, name and properties is whole', () => {
  expect(brokenImages([right], expected)).toEqual([]);
});

test('a missing, a doubled, an unfinished, a superseded and a wrong image are each named', () => {
  const other = { ...right, id: 'two' };
  const old = { ...right, id: 'old', properties: { ...right.properties, version_name: '20250001' } };
  expect(brokenImages([], expected)).toEqual([expect.stringContaining('there are 0 (none)')]);
  expect(brokenImages([right, other], expected)).toEqual([expect.stringContaining('there are 2')]);
  expect(brokenImages([right, old], expected)).toEqual([
    expect.stringContaining('old (active) is not wanted'),
  ]);
  for (const wrong of [
    { status: 'saving' },
    { visibility: 'private' },
    { osHashValue: 'x' },
    { checksum: 'x' },
    { size: 4 },
    { name: 'x' },
    { properties: { ...right.properties, image_stream_verified: '' } },
    { properties: { ...right.properties, architecture: 'x86_64' } },
  ]) {
    expect(brokenImages([{ ...right, ...wrong }], expected), JSON.stringify(wrong)).toHaveLength(1);
  }
});

test('an unfinished copy of a finished file, a strange file and too many bytes of staging are each named', async () => {
  const root = await mkdtemp(join(tmpdir(), 'chaos-staging-'));
  try {
    const [whole, part] = ['a'.repeat(64), 'b'.repeat(64)];
    await mkdir(join(root, 'sha256'));
    await writeFile(join(root, 'sha256', whole), 'whole');
    await writeFile(join(root, 'sha256', `${part}.part`), 'part');
    expect(await examineStaging(root, 100)).toEqual({ broken: [], bytes: 9, parts: 1 });
    await writeFile(join(root, 'sha256', `${whole}.part`), 'left');
    await writeFile(join(root, 'sha256', 'strange'), '');
    const { broken } = await examineStaging(root, 12);
    expect(broken.sort()).toEqual([
      expect.stringContaining('holds 13 bytes of 12'),
      expect.stringContaining(`${whole}.part is left`),
      expect.stringContaining('strange is no file of staging'),
    ]);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});
