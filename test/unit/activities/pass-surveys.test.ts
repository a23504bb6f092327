import { afterEach, expect, test, vi } from 'vitest';
import { PassSurveys } from '../../../activities/pass-surveys.js';
import type { OrderedItem, Work } from '../../../targets/plan.js';
import { activityEnvironment } from '../../support/temporal.js';

const surveys = new PassSurveys();

afterEach(() => vi.useRealTimers());

function survey(items: number): Work {
  return {
    items: Array<OrderedItem>(items),
    removals: [],
    unchanged: 0,
    failures: [],
    unstable: [],
  };
}

/** Does something as an activity of a run. */
async function as<T>(runId: string, work: () => T): Promise<T> {
  const environment = activityEnvironment({ workflowExecution: { workflowId: 'sync/ubuntu/r', runId } });
  return environment.run(async () => Promise.resolve(work()));
}

test('a run finds its own last survey, and no other run does', async () => {
  const first = survey(3);
  const second = survey(2);
  await as('a', () => surveys.keep(first));
  await as('a', () => surveys.keep(second));
  expect(await as('a', () => surveys.survey())).toBe(second);
  expect(await as('b', () => surveys.survey())).toBeUndefined();
});

test('a survey that is some minutes old no longer counts', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  await as('old', () => surveys.keep(survey(1)));
  vi.setSystemTime(Date.now() + 301_000);
  expect(await as('old', () => surveys.survey())).toBeUndefined();
});

test('the oldest surveys go where all together are large, the newest never', async () => {
  const large = survey(15_000);
  await as('one', () => surveys.keep(survey(15_000)));
  await as('two', () => surveys.keep(large));
  expect(await as('one', () => surveys.survey())).toBeUndefined();
  expect(await as('two', () => surveys.survey())).toBe(large);
  const huge = survey(50_000);
  await as('three', () => surveys.keep(huge));
  expect(await as('three', () => surveys.survey())).toBe(huge);
});
