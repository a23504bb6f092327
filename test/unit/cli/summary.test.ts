import { expect, test } from 'vitest';
import { emptySummary } from '../../../contracts/empty-summary.js';
import { renderPlan, renderSummary } from '../../../cli/summary.js';

const failure = {
  key: 'k',
  product: 'p',
  version: '1',
  item: 'i',
  code: 'MirrorNotFound',
  message: 'it is gone',
};
const region = (facts: object) => ({ ...emptySummary('prod', 'RegionOne'), ...facts });
const render = (facts: object) =>
  renderSummary({ mirror: 'ubuntu', regions: [region(facts)], failedRegions: [] });

test('a sync that changed nothing says so', () => {
  expect(render({ unchanged: 4 })).toBe(
    'ubuntu → prod/RegionOne: nothing to do, 4 images are as they should be\n',
  );
});

test('one image is not spoken of as several', () => {
  expect(render({ unchanged: 1 })).toBe(
    'ubuntu → prod/RegionOne: nothing to do, 1 image is as it should be\n',
  );
});

test('counts that are zero are left out where they would only distract', () => {
  expect(render({ added: 2, uploadedBytes: 2048, unchanged: 1 })).toBe(
    'ubuntu → prod/RegionOne: 2 added (2.0 KiB), 0 removed, 1 unchanged\n',
  );
  expect(render({ repaired: 1, removed: 3 })).toBe(
    'ubuntu → prod/RegionOne: 0 added, 1 repaired, 3 removed, 0 unchanged\n',
  );
});

test('failures, what does not stay and warnings each have a line, and the rest is counted', () => {
  const text = render({ failures: [failure], failureCount: 3, unstable: [failure], warnings: ['beware'] });
  expect(text.split('\n').slice(1)).toEqual([
    '  failed: p 1 i: MirrorNotFound: it is gone',
    '  … and 2 more',
    '  not staying: p 1 i: it is gone',
    '  warning: beware',
    '',
  ]);
});

test('where the metadata is published and advertised is told', () => {
  const published = { products: 'written', index: 'unchanged', images: 2, publicUrl: 'http://127.0.0.1/s' };
  const advertised = { state: 'created', url: 'http://127.0.0.1/s' };
  const text = render({ added: 1, published, advertised });
  expect(text).toContain('  metadata of 2 images written: http://127.0.0.1/s\n');
  expect(text).toContain('  product-streams endpoint created: http://127.0.0.1/s\n');
});

test('a region of which nothing could be done, or a whole cloud, is named with its code', () => {
  const failedRegions = [
    {
      cloud: 'prod',
      region: 'RegionTwo',
      code: 'ServicesUnavailable',
      message: 'no image\nendpoint',
      hint: '',
    },
    { cloud: 'test', region: '', code: 'Unauthorized', message: 'wrong password', hint: '' },
  ];
  expect(renderSummary({ mirror: 'ubuntu', regions: [], failedRegions })).toBe(
    'ubuntu → prod/RegionTwo: failed\n  ServicesUnavailable: no image\\x0aendpoint\n' +
      'ubuntu → test: failed\n  Unauthorized: wrong password\n',
  );
});

test('a plan is a table of what would be done, with what cannot be had below it', () => {
  const row = { product: 'p', version: '1', item: 'disk1.img', size: 1024, detail: '' };
  const plan = {
    cloud: 'prod',
    region: 'RegionOne',
    rows: [
      { ...row, action: 'upload' as const },
      { ...row, action: 'finalise' as const, detail: 'visibility' },
    ],
    cut: true,
    counts: { upload: 1, finalise: 1, remove: 0, unchanged: 5, bytes: 1024 },
    failures: [failure],
    warnings: [],
  };
  expect(renderPlan({ mirror: 'ubuntu', regions: [], failedRegions: [], plans: [plan] })).toBe(
    'ubuntu → prod/RegionOne: 1 to upload (1.0 KiB), 1 to repair, 0 to remove, 5 unchanged\n' +
      'ACTION  PRODUCT  VERSION  ITEM       SIZE     WHY\n' +
      'upload  p        1        disk1.img  1.0 KiB\n' +
      'repair  p        1        disk1.img           visibility\n' +
      '… and more than the 2 that are listed\n' +
      'cannot: p 1 i: MirrorNotFound: it is gone\n',
  );
});
