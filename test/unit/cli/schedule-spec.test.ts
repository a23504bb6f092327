import type { ScheduleDescription } from '@temporalio/client';
import { expect, test } from 'vitest';
import { isAsWanted, mirrorOfSchedule, wantedSchedule, whenOf } from '../../../cli/schedule-spec.js';

const cron = { cron: '0 3 * * *', jitterMs: 600_000, timezone: 'Europe/London' };
const every = { everyMs: 21_600_000, jitterMs: 0, timezone: 'UTC' };

/** A schedule as the server describes it, the parts that are compared. */
function described(
  settings: typeof cron | typeof every,
  spec: Partial<ScheduleDescription['spec']>,
): Pick<ScheduleDescription, 'spec' | 'action' | 'policies'> {
  const { action, policies } = wantedSchedule('ubuntu', settings);
  return { spec: { calendars: [], intervals: [], skip: [], ...spec }, action, policies };
}

const anyCalendar = { second: [], minute: [], hour: [], dayOfMonth: [], month: [], year: [], dayOfWeek: [] };
const asCron = {
  calendars: [{ ...anyCalendar, comment: '0 3 * * *' }],
  jitter: 600_000,
  timezone: 'Europe/London',
};
const asEvery = { intervals: [{ every: 21_600_000, offset: 0 }], jitter: 0, timezone: '' };

test('a schedule starts scheduledSync under an id of the mirror, one at a time, and catches up for a day', () => {
  const { scheduleId, action, policies, spec } = wantedSchedule('ubuntu', cron);
  expect(scheduleId).toBe('mirror/ubuntu');
  expect(action).toMatchObject({
    workflowType: 'scheduledSync',
    workflowId: 'mirror/ubuntu',
    taskQueue: 'image-stream',
    args: [{ mirror: 'ubuntu' }],
  });
  expect(policies).toEqual({ overlap: 'SKIP', catchupWindow: 86_400_000, pauseOnFailure: false });
  expect(spec).toEqual({
    cronExpressions: ['0 3 * * * # 0 3 * * *'],
    jitter: 600_000,
    timezone: 'Europe/London',
  });
});

test('what the server makes of a schedule is recognised as the same', () => {
  expect(isAsWanted(described(cron, asCron), 'ubuntu', cron)).toBe(true);
  expect(isAsWanted(described(every, asEvery), 'ubuntu', every)).toBe(true);
});

test.each([
  ['another cron text', { ...asCron, calendars: [{ ...anyCalendar, comment: '0 4 * * *' }] }],
  ['a calendar without its text', { ...asCron, calendars: [anyCalendar] }],
  ['a second calendar', { ...asCron, calendars: [...asCron.calendars, anyCalendar] }],
  ['an interval besides', { ...asCron, intervals: [{ every: 1000, offset: 0 }] }],
  ['another jitter', { ...asCron, jitter: 1 }],
  ['another time zone', { ...asCron, timezone: 'UTC' }],
  ['an end', { ...asCron, endAt: new Date() }],
])('%s is a difference', (_what, spec) => {
  expect(isAsWanted(described(cron, spec), 'ubuntu', cron)).toBe(false);
});

test('another policy or another mirror is a difference', () => {
  const same = described(every, asEvery);
  expect(isAsWanted({ ...same, policies: { ...same.policies, overlap: 'ALLOW_ALL' } }, 'ubuntu', every)).toBe(
    false,
  );
  expect(isAsWanted({ ...same, policies: { ...same.policies, catchupWindow: 1 } }, 'ubuntu', every)).toBe(
    false,
  );
  expect(isAsWanted(same, 'debian', every)).toBe(false);
});

test('when a schedule fires is told as in the configuration', () => {
  expect(whenOf(asCron)).toBe('at 0 3 * * * (Europe/London), spread over 10m');
  expect(whenOf(asEvery)).toBe('every 6h');
  expect(whenOf({ calendars: [anyCalendar] })).toBe('at calendar times (UTC)');
  expect(whenOf({})).toBe('never');
});

test('only schedules that start scheduledSync under our id are ours', () => {
  expect(mirrorOfSchedule('mirror/ubuntu', 'scheduledSync')).toBe('ubuntu');
  expect(mirrorOfSchedule('mirror/ubuntu', 'somethingElse')).toBeUndefined();
  expect(mirrorOfSchedule('nightly', 'scheduledSync')).toBeUndefined();
});
