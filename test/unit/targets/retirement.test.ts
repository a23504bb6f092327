import { expect, test } from 'vitest';
import type { Removal } from '../../../contracts/sync.js';
import { fate, type RetirementSettings, type Usage } from '../../../targets/retirement.js';
import { planRegion } from '../../../targets/plan.js';
import { DAY, NOW, SETTINGS, imageOf, input, item } from './support.js';

const image = imageOf(item('20240101'));
const retiredOn = (date: string, more = {}) => ({
  ...image,
  properties: { ...image.properties, image_stream_retired: date },
  ...more,
});
const ago = (days: number) => new Date(NOW - days * DAY).toISOString();
const settings = (retire: RetirementSettings['retire'], inUse: RetirementSettings['inUse'] = 'hide') => ({
  retire,
  inUse,
  retireAfter: 30 * DAY,
});
const told = (
  one: typeof image,
  how: RetirementSettings,
  usage: Usage = 'free',
  reason: Removal['reason'] = 'superseded',
) => fate(one, reason, how, usage, NOW);

test('a superseded image is deleted at once unless the settings say otherwise', () => {
  expect(told(image, settings('delete'))).toBe('delete');
});

test.each(['hide', 'deactivate', 'community'] as const)('%s withdraws a superseded image first', (retire) => {
  expect(told(image, settings(retire))).toBe(retire);
});

test.each([
  ['hide', { hidden: true }],
  ['deactivate', { status: 'deactivated' }],
  ['community', { visibility: 'community' }],
] as const)('an image that %s withdrew waits for its age', (retire, more) => {
  expect(told(retiredOn(ago(29), more), settings(retire))).toBeUndefined();
  expect(told(retiredOn(ago(30), more), settings(retire))).toBe('delete');
});

test('an image that a crash left marked and not withdrawn is withdrawn', () => {
  expect(told(retiredOn(ago(1)), settings('deactivate'))).toBe('deactivate');
});

test('a mark that is no date gets a new one instead of counting as old', () => {
  expect(told(retiredOn('soon', { hidden: true }), settings('hide'))).toBe('hide');
});

test.each(['delete', 'hide', 'deactivate', 'community'] as const)(
  'with retire: %s an image in use is hidden and stays so, however old its mark',
  (retire) => {
    expect(told(image, settings(retire), 'used')).toBe('hide');
    expect(told(retiredOn(ago(400), { hidden: true }), settings(retire), 'used')).toBeUndefined();
  },
);

test('an image in use is left as it is where the settings say keep, and goes where they say delete', () => {
  expect(told(image, settings('hide', 'keep'), 'used')).toBeUndefined();
  expect(told(image, settings('delete', 'delete'), 'used')).toBe('delete');
});

test('nothing happens to an image while Nova does not say whether it is in use', () => {
  expect(told(image, settings('delete'), 'unknown')).toBeUndefined();
  expect(told(image, settings('hide'), 'unknown')).toBeUndefined();
});

test('an image that was hidden for its servers goes when they are gone', () => {
  expect(told(retiredOn(ago(1), { hidden: true }), settings('delete'))).toBe('delete');
});

test('duplicates have no age, and leftovers no servers', () => {
  expect(told(image, settings('hide'), 'free', 'duplicate')).toBe('delete');
  expect(told(image, settings('hide'), 'used', 'leftover')).toBe('delete');
});

const [old, now] = [item('20240101'), item('20240201')];
const retired = imageOf(old, {
  hidden: true,
  properties: { ...imageOf(old).properties, image_stream_retired: ago(1) },
});

test('a retired version does not count as held', () => {
  const max = { ...SETTINGS, retire: 'hide' as const, max: 1, keep: true };
  const page = planRegion(input({ items: [now], images: [retired, imageOf(now)], settings: max }));
  expect(page).toMatchObject({ items: [], removals: [] });
});

test('a retired version that is wanted again is shown again, not brought again', () => {
  const page = planRegion(input({ items: [old, now], images: [retired, imageOf(now)] }));
  expect(page.items).toMatchObject([
    { action: 'finalise', imageId: retired.id, differs: ['os_hidden', 'image_stream_retired'] },
  ]);
});

test('a retired version whose time is over goes only while a wanted one is active', () => {
  const late = { ...retired, properties: { ...retired.properties, image_stream_retired: ago(31) } };
  const hide = { ...SETTINGS, retire: 'hide' as const };
  const removals = (images: (typeof image)[]) =>
    planRegion(input({ items: [now], images, settings: hide })).removals;
  expect(removals([late])).toEqual([]);
  expect(removals([late, imageOf(now, { mirror: 'other', status: 'deactivated' })])).toEqual([]);
  expect(removals([late, imageOf(now)])).toMatchObject([{ imageId: late.id, action: 'delete' }]);
});

test('what is in use is told by image, and the plan says what becomes of each', () => {
  const older = imageOf(item('20230101'));
  const usage = new Map([[older.id, 'used' as const]]);
  const { removals, counts } = planRegion(
    input({ items: [now], images: [imageOf(old), older, imageOf(now)], usage }),
  );
  expect(removals.map(({ version, action }) => `${action} ${version}`).sort()).toEqual([
    'delete 20240101',
    'hide 20230101',
  ]);
  expect(counts.remove).toBe(2);
});
