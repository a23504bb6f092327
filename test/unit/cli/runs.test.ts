import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { expect, test } from 'vitest';
import { resultLine } from '../../../cli/list-runs.js';
import { emptySummary } from '../../../contracts/empty-summary.js';
import { renderRuns } from '../../../cli/runs.js';
import { registerRuns } from '../../../cli/runs.js';
import { run } from './capture.js';

const region = (facts: object) => ({ ...emptySummary('prod', 'RegionOne'), ...facts });

test('the result of a sync is its counts over all regions', () => {
  const regions = [
    region({ added: 1, uploadedBytes: 1024, unchanged: 2 }),
    region({ added: 2, uploadedBytes: 1024, removed: 1 }),
  ];
  expect(resultLine({ result: { mirror: 'ubuntu', regions, failedRegions: [] } })).toBe(
    '3 added (2.0 KiB), 1 removed, 2 unchanged',
  );
  expect(
    resultLine({ result: { mirror: 'ubuntu', regions: [region({ unchanged: 4 })], failedRegions: [] } }),
  ).toBe('nothing to do, 4 unchanged');
});

test('a scheduled sync that was skipped says so', () => {
  expect(resultLine({ result: { outcome: 'skipped', message: 'sync/ubuntu is running already' } })).toBe(
    'skipped: sync/ubuntu is running already',
  );
});

test('a failed run has its code and its sentence in one line', () => {
  const cause = ApplicationFailure.create({ type: 'SignatureInvalid', message: 'the signature\nis wrong' });
  expect(resultLine({ error: new WorkflowFailedError('failed', cause, 'NON_RETRYABLE_FAILURE') })).toBe(
    'SignatureInvalid: the signature is wrong',
  );
});

test('runs are a table in which scheduled ones are marked and only running ones have a stage', () => {
  const listed = {
    run: 'sync/ubuntu',
    runId: 'r',
    type: 'syncMirror',
    mirror: 'ubuntu',
    stage: 'done',
    started: '2026-01-01T00:00:00.123Z',
    durationMs: 1000,
    result: '',
  };
  const scheduled = { ...listed, run: 'mirror/ubuntu-2026', type: 'scheduledSync', stage: 'syncing' };
  expect(
    renderRuns([
      { ...listed, status: 'completed', result: 'nothing to do, 4 unchanged' },
      { ...scheduled, status: 'running' },
    ]),
  ).toBe(
    'RUN                 MIRROR             STATUS     STAGE    STARTED               TOOK  RESULT\n' +
      'sync/ubuntu         ubuntu             completed           2026-01-01T00:00:00Z  1 s   nothing to do, 4 unchanged\n' +
      'mirror/ubuntu-2026  ubuntu (schedule)  running    syncing  2026-01-01T00:00:00Z  1 s\n',
  );
});

test.each(['0', '-1', '1.5', 'many', '1001', ''])('--limit %j is refused', async (limit) => {
  await expect(run(['runs', '--limit', limit], registerRuns)).rejects.toMatchObject({
    code: 'Usage',
    exit: 2,
  });
});
