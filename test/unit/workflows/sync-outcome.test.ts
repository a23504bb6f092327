import { ApplicationFailure } from '@temporalio/common';
import { expect, test } from 'vitest';
import { emptySummary } from '../../../contracts/empty-summary.js';
import type { RegionFailure, RegionSummary } from '../../../contracts/sync.js';
import { resultOrFailure } from '../../../workflows/sync-outcome.js';

const region = (more: Partial<RegionSummary> = {}): RegionSummary => ({
  ...emptySummary('prod', 'RegionOne'),
  ...more,
});
const failedRegion: RegionFailure = {
  cloud: 'prod',
  region: 'r',
  code: 'Unauthorized',
  message: 'No',
  hint: 'Do.',
};
const unstable = { key: 'u', product: 'p', version: '1', item: 'i', code: 'NotConverging', message: 'again' };

function typeOf(regions: RegionSummary[], failedRegions: RegionFailure[] = []): string | null | undefined {
  try {
    resultOrFailure({ mirror: 'm', regions, failedRegions });
    return 'done';
  } catch (error) {
    return error instanceof ApplicationFailure ? error.type : String(error);
  }
}

test('a run in which nothing failed is done', () => {
  expect(typeOf([region(), region({ warnings: ['something'] })])).toBe('done');
});

test('a run of which an item failed is incomplete', () => {
  expect(typeOf([region({ failureCount: 1 })])).toBe('SyncIncomplete');
});

test('a run of which one region of several failed is incomplete', () => {
  expect(typeOf([region()], [failedRegion])).toBe('SyncIncomplete');
});

test('a run whose regions all failed is incomplete', () => {
  expect(typeOf([], [failedRegion, failedRegion])).toBe('SyncIncomplete');
});

test('a run whose only region failed has the code of that region', () => {
  expect(typeOf([], [failedRegion])).toBe('Unauthorized');
});

test('a run that only does not converge says so', () => {
  expect(typeOf([region({ unstable: [unstable] })])).toBe('NotConverging');
});

test('a run that failed and does not converge is incomplete', () => {
  expect(typeOf([region({ unstable: [unstable], failureCount: 1 })])).toBe('SyncIncomplete');
});

test('the message names the regions that failed, as far as they are few', () => {
  const failed = (name: string): RegionFailure => ({ ...failedRegion, region: name });
  const fail = (names: string[]) =>
    resultOrFailure({ mirror: 'm', regions: [region()], failedRegions: names.map(failed) });
  expect(() => fail(['a', ''])).toThrow('The sync of m is incomplete: prod/a, prod failed');
  expect(() => fail([...'abcdefg'])).toThrow(/prod\/e and 2 more failed$/);
});
