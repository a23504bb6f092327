import { expect, test } from 'vitest';
import { auditImages, type AuditInput } from '../../../targets/audit.js';
import { mergedProducts } from '../../../targets/publish/documents.js';
import { publishedImages } from '../../../targets/publish/published-images.js';
import { adopted, imageOf, item } from './support.js';

const MD5 = 'c'.repeat(32);
const SHA512 = 'd'.repeat(128);
const source = item('20240101', { md5: MD5, size: '1000', sha512: SHA512 });
const image = imageOf(source, { osHash: { algorithm: 'sha512', hex: SHA512 } });
const publishedOf = (...images: AuditInput['images']) =>
  mergedProducts(
    undefined,
    'auto.sync',
    'RegionOne',
    publishedImages(images, { region: 'RegionOne', endpoint: 'http://keystone/v3', owner: 'p' }),
    'Thu, 01 Jan 2026 00:00:00 +0000',
  );
const audit = (more: Partial<AuditInput> = {}) =>
  auditImages({
    mirror: 'ubuntu',
    region: 'RegionOne',
    images: [image],
    items: [source],
    published: publishedOf(image),
    ...more,
  }).map(({ why }) => why);

test('sizes and digests that agree are no difference', () => {
  expect(audit()).toEqual([]);
});

test('an image of other bytes than the mirror signs is found by the digest that Glance computed', () => {
  const other = { ...image, osHash: { algorithm: 'sha512', hex: 'e'.repeat(128) } };
  expect(audit({ images: [other], published: undefined })).toEqual([
    `${image.id} in Glance has another sha512 than the mirror says`,
  ]);
});

test('an image of another size than the mirror says is found', () => {
  const items = [item('20240101', { md5: MD5, size: '999' })];
  expect(audit({ items, published: undefined })).toEqual([
    `${image.id} in Glance has another size than the mirror says`,
  ]);
});

test('what is published against Glance: size, digests, and images that are not there', () => {
  const published = publishedOf(image);
  expect(audit({ published: published?.replaceAll(MD5, '0'.repeat(32)) })).toEqual([
    'what is published has another md5 than Glance says',
  ]);
  expect(audit({ images: [], published })).toEqual([
    `it names the image ${image.id}, which is not there, or is no image of this content id`,
  ]);
  expect(audit({ images: [{ ...image, status: 'deactivated' }], published })).toEqual([
    `it names the image ${image.id}, which is deactivated`,
  ]);
});

test('images of other mirrors and tools, and items of other regions, are not held against this mirror', () => {
  const items = [item('20240101', { md5: '1'.repeat(32) })];
  expect(audit({ items, images: [{ ...image, mirror: 'another' }], published: undefined })).toEqual([]);
  expect(audit({ items, images: [adopted(source)], published: undefined })).toEqual([]);
  expect(audit({ region: 'RegionTwo', images: [] })).toEqual([]);
});
