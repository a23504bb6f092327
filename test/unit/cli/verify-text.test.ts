import { expect, test } from 'vitest';
import { agrees, metadataLines, renderVerification } from '../../../cli/verify-text.js';
import type { MetadataComparison, RegionPlan } from '../../../contracts/sync.js';

const metadata: MetadataComparison = {
  images: 2,
  publicUrl: 'http://swift/data',
  differences: [],
  differenceCount: 0,
  notes: [],
};
const plan: RegionPlan = {
  cloud: 'prod',
  region: 'RegionOne',
  rows: [],
  cut: false,
  counts: { upload: 0, finalise: 0, remove: 0, unchanged: 2, bytes: 0 },
  failures: [],
  warnings: [],
  metadata,
};
const result = (...plans: RegionPlan[]) => ({ mirror: 'ubuntu', regions: [], failedRegions: [], plans });
const endpoint = {
  kind: 'endpoint',
  what: 'product-streams public',
  state: 'missing',
  why: 'is not in the catalogue',
} as const;
const lost: RegionPlan = {
  ...plan,
  counts: { ...plan.counts, upload: 1, unchanged: 1 },
  rows: [{ action: 'upload', product: 'p', version: '1', item: 'i', size: 5, detail: '' }],
  metadata: { ...metadata, differences: [endpoint], differenceCount: 3, notes: ['they stay'] },
};

test('a region in which all agree has one line', () => {
  expect(agrees(result(plan))).toBe(true);
  expect(renderVerification(result(plan))).toBe(
    'ubuntu → prod/RegionOne: all agree (images: 2, metadata of 2)\n',
  );
});

test('what differs is a row each, the rest is counted, and notes follow', () => {
  expect(agrees(result(plan, lost))).toBe(false);
  expect(renderVerification(result(lost)).split('\n')).toEqual([
    'ubuntu → prod/RegionOne: 4 differences, 1 image unchanged',
    'WHAT      NAME                    DIFFERENCE',
    'image     p 1 i                   is not in Glance, or not whole',
    'endpoint  product-streams public  is not in the catalogue',
    '… and 2 more',
    'note: they stay',
    '',
  ]);
});

test('an item that the mirror cannot give, and a region that could not be asked, differ', () => {
  const failure = {
    key: 'k',
    product: 'p',
    version: '1',
    item: 'i',
    code: 'ItemInvalid',
    message: 'no size',
  };
  expect(agrees(result({ ...plan, failures: [failure] }))).toBe(false);
  expect(renderVerification(result({ ...plan, failures: [failure] }))).toContain(
    'cannot be had: ItemInvalid: no size',
  );
  const failedRegions = [
    { cloud: 'prod', region: 'RegionTwo', code: 'ServicesUnavailable', message: 'no\u001b', hint: '' },
  ];
  expect(agrees({ ...result(plan), failedRegions })).toBe(false);
  expect(renderVerification({ ...result(), failedRegions })).toBe(
    'ubuntu → prod/RegionTwo: not compared\n  ServicesUnavailable: no\\x1b\n',
  );
});

test('a dry run says what of the metadata a sync would mend', () => {
  expect(metadataLines(metadata)).toEqual(['metadata of 2 images is as it should be']);
  expect(metadataLines({ ...metadata, differences: [endpoint], differenceCount: 3, notes: ['n'] })).toEqual([
    'to mend: endpoint product-streams public: is not in the catalogue',
    '… and 2 more',
    'note: n',
  ]);
});
