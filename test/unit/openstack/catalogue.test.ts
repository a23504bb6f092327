import { expect, test } from 'vitest';
import { Catalogue } from '../../../openstack/index.js';

const endpoint = (region: string, choice: string, url: string) => ({
  interface: choice,
  region_id: region,
  region,
  url,
});

const catalogue = Catalogue.parse([
  {
    type: 'image',
    name: 'glance',
    endpoints: [
      endpoint('One', 'public', 'http://one/'),
      endpoint('One', 'internal', 'http://one.inside'),
      endpoint('Two', 'internal', 'http://two.inside'),
    ],
  },
  { type: 'object-store', name: 'swift', endpoints: [endpoint('One', 'public', 'http://swift/v1/AUTH_p')] },
  { type: 'compute', name: 'nova', endpoints: [endpoint('Three', 'public', 'http://nova')] },
  { type: 'empty', name: 'empty', endpoints: [] },
]);

test('an endpoint is chosen by service, region and interface', () => {
  expect(catalogue.url({ serviceType: 'image', region: 'One', interface: 'public' })).toBe('http://one');
  expect(catalogue.url({ serviceType: 'image', region: 'Two', interface: 'internal' })).toBe(
    'http://two.inside',
  );
  expect(catalogue.regions('image')).toEqual(['One', 'Two']);
  expect(catalogue.serviceTypes()).toEqual(['compute', 'image', 'object-store']);
});

test('without a region the only one is taken, and never the first of several', () => {
  expect(catalogue.url({ serviceType: 'object-store', interface: 'public' })).toBe('http://swift/v1/AUTH_p');
  expect(() => catalogue.url({ serviceType: 'image', interface: 'public' })).toThrow(
    expect.objectContaining({
      code: 'RegionUnknown',
      message: 'No region was named, and image is in One, Two',
    }),
  );
});

test.each([
  [
    { serviceType: 'image', region: 'one' },
    'RegionUnknown',
    'The catalogue has no region one: it has One, Three, Two',
  ],
  [
    { serviceType: 'image', region: 'Two' },
    'ServicesUnavailable',
    'The catalogue has no public endpoint of image in Two, only internal',
  ],
  [
    { serviceType: 'image', region: 'Three' },
    'ServicesUnavailable',
    'The catalogue has image in One, Two and not in Three',
  ],
  [
    { serviceType: 'volume', region: 'One' },
    'ServicesUnavailable',
    'The catalogue has no volume service; it has compute, image, object-store',
  ],
  [
    { serviceType: 'volume' },
    'ServicesUnavailable',
    'The catalogue has no volume service; it has compute, image, object-store',
  ],
])('%j is refused with what there is', (wish, code, message) => {
  expect(() => catalogue.url({ ...wish, interface: 'public' })).toThrow(
    expect.objectContaining({ code, message }),
  );
});

test('an endpoint of an old Keystone has its region under another name', () => {
  const old = Catalogue.parse([
    { type: 'image', endpoints: [{ interface: 'public', region: 'Old', url: 'http://old' }] },
  ]);
  expect(old.regions()).toEqual(['Old']);
});
