import { expect, test } from 'vitest';

import { parseSchedule } from '../../../config/schedule.js';

test('spreads the named schedules over a while, so that clouds do not all ask at once', () => {
  for (const name of ['hourly', 'daily', 'weekly']) {
    const schedule = parseSchedule(name);
    expect(schedule).toMatchObject({ timezone: 'UTC' });
    expect(typeof schedule === 'object' && schedule.jitterMs).toBeGreaterThan(0);
  }
  expect(parseSchedule('daily')).toMatchObject({ everyMs: 86_400_000 });
});

test.each(['5 4 * * *', '*/15 * * * *', '0 0-6/2,12 1,15 jan-mar mon-FRI', '0 3 * * 7', '@daily'])(
  'takes the cron text %s',
  (cron) => expect(parseSchedule(cron)).toEqual({ cron, jitterMs: 0, timezone: 'UTC' }),
);

test.each([
  ['60 * * * *', /minute/],
  ['* 24 * * *', /hour/],
  ['* * 0 * *', /day of month/],
  ['* * * 13 *', /month/],
  ['* * * * 8', /day of week/],
  ['5-1 * * * *', /minute/],
  ['*/0 * * * *', /minute/],
  ['1,,2 * * * *', /minute/],
  ['* * * *', /five fields/],
  ['@never', /five fields/],
  ['', /five fields/],
])('says what is wrong with the cron text %s', (cron, message) =>
  expect(parseSchedule(cron)).toMatch(message),
);

test('takes an interval with jitter, and a cron text with a time zone', () => {
  expect(parseSchedule({ every: '6h', jitter: '10m' })).toEqual({
    everyMs: 21_600_000,
    jitterMs: 600_000,
    timezone: 'UTC',
  });
  expect(parseSchedule({ cron: '0 3 * * *', timezone: 'Europe/London', jitter: '5m' })).toEqual({
    cron: '0 3 * * *',
    jitterMs: 300_000,
    timezone: 'Europe/London',
  });
});

test.each([
  [{ every: '30s' }, /one minute/],
  [{ every: 'soon' }, /such as 6h/],
  [{ every: '1h', jitter: '1h' }, /shorter/],
  [{ every: '1h', jitter: '?' }, /such as 10m/],
  [{ cron: '0 3 * * *', timezone: 'Mars/Olympus' }, /time zone/],
])('refuses %j', (schedule, message) => expect(parseSchedule(schedule)).toMatch(message));
