import { expect, test } from 'vitest';
import { plainProgress, renderProgress } from '../../../cli/progress/render.js';
import type { RunProgress } from '../../../cli/progress/watch.js';
import type { Progress } from '../../../contracts/workflows.js';

const nothing: Progress = {
  stage: 'planning',
  message: 'Reading streams/v1/index.json of ubuntu',
  regions: [],
  done: 0,
  total: 0,
  doneBytes: 0,
  totalBytes: 0,
  failed: 0,
  active: [],
};

const image = { label: 'noble', stage: 'download', offset: 50, total: 100, attempt: 1, lastFailure: '' };

function run(
  images: RunProgress['regions'][number]['images'],
  progress: Partial<Progress> = {},
): RunProgress {
  const region = {
    ...nothing,
    stage: 'syncing' as const,
    done: 1,
    total: 4,
    doneBytes: 1024,
    totalBytes: 4096,
    ...progress,
  };
  return {
    progress: { ...nothing, message: 'Syncing prod' },
    regions: [{ cloud: 'prod', region: 'RegionOne', progress: region, images }],
    retrying: [],
  };
}

test('a run of which nothing is known yet is starting', () => {
  expect(plainProgress('ubuntu', { progress: undefined, regions: [], retrying: [] })).toEqual([
    'ubuntu: Starting',
  ]);
});

test('steps of the run itself that are tried again are told with the reason', () => {
  const retrying = ['fetchIndex, attempt 3: the mirror does not answer'];
  expect(plainProgress('ubuntu', { progress: nothing, regions: [], retrying })).toEqual([
    'ubuntu: Reading streams/v1/index.json of ubuntu',
    'ubuntu: fetchIndex, attempt 3: the mirror does not answer',
  ]);
});

test('plain progress has a line a region', () => {
  expect(plainProgress('ubuntu', run([image], { failed: 2 }))).toEqual([
    'ubuntu prod/RegionOne: syncing, 1 of 4 images, 1.0 KiB of 4.0 KiB, 2 failed',
  ]);
});

test('a terminal shows a bar for each image', () => {
  expect(renderProgress('ubuntu', run([image]), 100)).toEqual([
    'ubuntu: Syncing prod',
    '  prod/RegionOne: syncing, 1 of 4 images, 1.0 KiB of 4.0 KiB',
    '    [##########..........]  50% download noble 50 B/100 B',
  ]);
});

test('an image that is tried again says why', () => {
  const [, , line] = renderProgress('ubuntu', run([{ ...image, attempt: 2, lastFailure: 'reset' }]), 200);
  expect(line).toMatch(/noble 50 B\/100 B \(attempt 2: reset\)$/);
});

test('lines are cut to the width of the terminal, and control characters are escaped before', () => {
  const lines = renderProgress('ubuntu', run([{ ...image, label: 'a\u001b[2J' }]), 40);
  expect(lines.every((line) => line.length <= 40)).toBe(true);
  expect(lines.join('\n')).not.toContain('\u001b');
  expect(lines[2]).toMatch(/…$/);
});
