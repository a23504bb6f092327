import { defaultPayloadConverter } from '@temporalio/common';
import { expect, test } from 'vitest';
import { failureOf, type HistoryEvent } from '../../../cli/run-history.js';
import { regionRecord } from '../../../cli/run-history-region.js';
import { emptySummary } from '../../../contracts/empty-summary.js';
import { taskFailure } from '../../../cli/run-pending.js';
import { renderRun } from '../../../cli/run-view-text.js';
import type { RunView } from '../../../cli/run-view.js';

/** Events numbered as a server does, with values as workflows and activities wrote them. */
function history(...events: HistoryEvent[]): HistoryEvent[] {
  return events.map((event, index) => ({
    ...event,
    eventId: (index + 1) as unknown as HistoryEvent['eventId'],
  }));
}
const payloads = (value: unknown) => ({ payloads: [defaultPayloadConverter.toPayload(value)] });
const number = (value: number) => value as unknown as NonNullable<HistoryEvent['eventId']>;

const item = (name: string) => ({
  key: name,
  product: 'p',
  version: '1',
  item: name,
  size: 100,
  workflowId: `image/${name}`,
  image: { name: `auto-sync/${name}` },
});
const started = (carried?: object): HistoryEvent => ({
  workflowExecutionStartedEventAttributes: {
    input: payloads({ target: { cloud: 'prod', region: 'RegionOne' }, ...(carried ? { carried } : {}) }),
  },
});
const activity = (name: string, input: object): HistoryEvent => ({
  activityTaskScheduledEventAttributes: { activityType: { name }, input: payloads(input) },
});
const completed = (scheduled: number, result: unknown): HistoryEvent => ({
  activityTaskCompletedEventAttributes: { scheduledEventId: number(scheduled), result: payloads(result) },
});
const child = (name: string): HistoryEvent => ({
  startChildWorkflowExecutionInitiatedEventAttributes: { input: payloads({ item: item(name) }) },
});
const applicationFailure = { message: 'it is gone', applicationFailureInfo: { type: 'MirrorNotFound' } };
const page = {
  failures: [],
  unstable: [],
  warnings: ['beware'],
  counts: { upload: 3, finalise: 1, unchanged: 7, bytes: 300 },
};

test("a region's counts, failures and active images are read from its history alone", () => {
  const record = regionRecord(
    history(
      started(),
      activity('planSync', { position: { cursor: '' } }),
      completed(2, page),
      activity('syncSmallItem', { item: item('small') }),
      child('big'),
      child('gone'),
      completed(4, { fetchedBytes: 100, uploadedBytes: 100, imageId: 'x' }),
      {
        childWorkflowExecutionFailedEventAttributes: {
          initiatedEventId: number(6),
          failure: { message: 'Child failed', cause: applicationFailure },
        },
      },
      activity('finaliseImage', { item: item('mended') }),
      completed(9, null),
      activity('removeImages', {}),
      completed(11, { removed: 2, failures: [] }),
    ),
  );
  expect(record).toMatchObject({ total: 4, totalBytes: 300 });
  expect(record?.active).toEqual([{ label: 'auto-sync/big', size: 100, workflowId: 'image/big' }]);
  expect(record?.summary).toMatchObject({
    added: 1,
    repaired: 1,
    removed: 2,
    unchanged: 7,
    uploadedBytes: 100,
    failureCount: 1,
    failures: [{ product: 'p', version: '1', item: 'gone', code: 'MirrorNotFound', message: 'it is gone' }],
    warnings: ['beware'],
  });
});

test('what a run carried over from the one before it counts as well', () => {
  const carried = { summary: { ...emptySummary('prod', 'RegionOne'), added: 50 } };
  const record = regionRecord(
    history(
      started(carried),
      activity('syncSmallItem', { item: item('a') }),
      completed(2, { uploadedBytes: 1 }),
    ),
  );
  expect(record?.summary.added).toBe(51);
});

test('an image that was cancelled has not failed', () => {
  const record = regionRecord(
    history(started(), child('big'), {
      childWorkflowExecutionCanceledEventAttributes: { initiatedEventId: number(2) },
    }),
  );
  expect(record?.summary.failureCount).toBe(0);
  expect(record?.active).toEqual([]);
});

test('the history of something else is not taken for that of a region', () => {
  expect(regionRecord([])).toBeUndefined();
  expect(
    regionRecord(history({ workflowExecutionStartedEventAttributes: { input: payloads({}) } })),
  ).toBeUndefined();
});

test('a failure is known by the code below the wrappers of Temporal', () => {
  expect(failureOf({ message: 'Activity failed', cause: applicationFailure })).toEqual({
    code: 'MirrorNotFound',
    message: 'it is gone',
  });
  expect(failureOf({ message: 'x', cause: { timeoutFailureInfo: {} } })).toMatchObject({ code: 'TimedOut' });
  expect(failureOf({ message: 'x', timeoutFailureInfo: { timeoutType: 4 } })).toEqual({
    code: 'TimedOut',
    message: 'its worker gave no sign of life any more',
  });
  expect(failureOf({ message: 'odd' })).toEqual({ code: 'Internal', message: 'odd' });
});

test('workflow code that fails again and again is told with its reason', () => {
  const events = history({ workflowTaskFailedEventAttributes: { failure: { message: 'no such workflow' } } });
  const raw = { pendingWorkflowTask: { attempt: 7 } };
  expect(taskFailure({ workflowId: 'sync/ubuntu', raw }, events)).toEqual({
    run: 'sync/ubuntu',
    attempt: 7,
    message: 'no such workflow',
  });
  expect(
    taskFailure({ workflowId: 'sync/ubuntu', raw: { pendingWorkflowTask: { attempt: 1 } } }, events),
  ).toBeUndefined();
});

const view: RunView = {
  run: 'sync/ubuntu',
  runId: 'r',
  type: 'syncMirror',
  status: 'running',
  mirror: 'ubuntu',
  stage: 'syncing',
  started: '2026-01-01T00:00:00.000Z',
  durationMs: 61_000,
  clouds: [],
  source: 'history',
  whole: true,
  message: '',
  regions: [],
  failedRegions: [],
  plans: [],
  pending: [],
  taskFailures: [],
};

test('a run without a worker says that it is told from the history', () => {
  expect(renderRun(view)).toBe(
    'sync/ubuntu: running, syncing\n' +
      '  started 2026-01-01T00:00:00.000Z, for 1 min 1 s\n' +
      '  run id r\n' +
      '  No worker answered within 2 s: this is what the history on the server says.\n',
  );
});

test('pending steps, stalls and the error of a run have a line each', () => {
  const text = renderRun({
    ...view,
    source: 'worker',
    pending: [
      {
        run: 'image/x',
        activity: 'downloadImage',
        attempt: 3,
        lastFailure: { code: 'MirrorUnreachable', message: 'no\nanswer' },
        nextAttempt: '2026-01-01T00:01:00.000Z',
        beat: { stage: 'download', offset: 10, total: 100 },
      },
    ],
    taskFailures: [{ run: 'sync/ubuntu', attempt: 4, message: 'no such workflow' }],
    error: { code: 'SyncIncomplete', message: '1 item failed', hint: 'Look.', exit: 1 },
  });
  expect(text.split('\n').slice(3)).toEqual([
    'pending: downloadImage at 10 of 100 of image/x, attempt 3; the last one failed: MirrorUnreachable: no\\x0aanswer; next at 2026-01-01T00:01:00.000Z',
    'stands still: the workflow code of sync/ubuntu failed, attempt 4: no such workflow',
    'SyncIncomplete: 1 item failed. Look.',
    '',
  ]);
});
