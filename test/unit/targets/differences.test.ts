import { expect, test } from 'vitest';
import { differences, propertiesToWrite } from '../../../targets/glance/differences.js';
import { imageFields } from '../../../targets/glance/image-fields.js';
import { SETTINGS, adopted, digestOf, imageOf, item } from './support.js';

const one = item('20240101');
const wanted = imageFields({ ...one, digest: digestOf('a') }, SETTINGS);
const changed = (key: string, value: string) => {
  const image = imageOf(one);
  return { ...image, properties: { ...image.properties, [key]: value } };
};

test('finds nothing on an image as it was made', () => {
  expect(differences(imageOf(one), wanted)).toEqual([]);
});

test('finds a property that somebody changed', () => {
  expect(differences(changed('architecture', 'i686'), wanted)).toEqual(['architecture']);
});

test('finds a property that somebody removed', () => {
  const properties = Object.fromEntries(
    Object.entries(imageOf(one).properties).filter(([key]) => key !== 'os_version'),
  );
  expect(differences({ ...imageOf(one), properties }, wanted)).toEqual(['os_version']);
});

test('does not mind properties that others added', () => {
  expect(differences(changed('hw_disk_bus', 'scsi'), wanted)).toEqual([]);
});

test('does not mind the metadata of an image that another tool uploaded', () => {
  const image = adopted(one, { name: 'theirs' });
  expect(differences({ ...image, properties: { ...image.properties, os_version: 'x' } }, wanted)).toEqual([]);
});

test('minds the visibility of an image that another tool uploaded', () => {
  expect(differences(adopted(one, { visibility: 'private' }), wanted)).toEqual(['visibility']);
});

test('writes only properties that differ', () => {
  expect(propertiesToWrite(changed('architecture', 'i686'), wanted)).toEqual({ architecture: 'x86_64' });
});

test('never claims an image of another tool as its own', () => {
  const image = adopted(one);
  const written = propertiesToWrite({ ...image, properties: {} }, wanted);
  expect(Object.keys(written)).not.toContain('image_stream_mirror');
  expect(Object.keys(written)).not.toContain('image_stream_digest');
  expect(Object.keys(written)).not.toContain('simplestreams_metadata');
});
