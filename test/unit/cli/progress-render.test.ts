import { expect, test } from 'vitest';
import { plainLines } from '../../../cli/progress/follow.js';
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

const image = {
  label: 'noble',
  activity: 'downloadImage',
  stage: 'download',
  offset: 50,
  total: 100,
  attempt: 1,
};
const retried = {
  activity: 'fetchIndex',
  attempt: 3,
  lastFailure: { code: 'MirrorUnreachable', message: 'the mirror does not answer' },
};

function run(
  images: RunProgress['regions'][number]['images'],
  progress: Partial<Progress> = {},
  retrying: RunProgress['retrying'] = [],
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
    regions: [{ cloud: 'prod', region: 'RegionOne', progress: region, images, retrying }],
    retrying: [],
  };
}

test('a run of which nothing is known yet is starting', () => {
  expect(plainProgress('ubuntu', { progress: undefined, regions: [], retrying: [] })).toEqual([
    'ubuntu: Starting',
  ]);
});

test('steps of the run itself that are tried again are told with the reason', () => {
  const again = 'retrying fetchIndex, attempt 3: MirrorUnreachable: the mirror does not answer';
  const waiting = { progress: nothing, regions: [], retrying: [retried] };
  expect(plainProgress('ubuntu', waiting)).toEqual([
    'ubuntu: Reading streams/v1/index.json of ubuntu',
    `ubuntu: ${again}`,
  ]);
  expect(renderProgress('ubuntu', waiting, 200)).toContain(`  ${again}`);
});

test('a run that no worker answers for is not called starting for ever', () => {
  expect(plainProgress('ubuntu', { progress: undefined, regions: [], retrying: [], silent: true })).toEqual([
    'ubuntu: No worker answers; the run waits for one',
  ]);
});

test('plain progress has a line a region, which counts the bytes of transfers under way', () => {
  const uploading = { ...image, activity: 'uploadImage', stage: 'upload', offset: 512, total: 1024 };
  expect(plainProgress('ubuntu', run([image, uploading], { failed: 2 }))).toEqual([
    'ubuntu prod/RegionOne: syncing, 1 of 4 images, 2.0 KiB of 4.0 KiB downloaded, 1.5 KiB uploaded, 2 failed',
  ]);
});

test('plain progress tells of each step of a region that is tried again', () => {
  const again = { ...image, attempt: 2, lastFailure: { code: 'MirrorError', message: 'it answers 503' } };
  const writing = {
    activity: 'publishIndex',
    attempt: 4,
    lastFailure: { code: 'CloudError', message: 'no' },
  };
  expect(plainProgress('ubuntu', run([again], {}, [writing])).slice(1)).toEqual([
    'ubuntu prod/RegionOne: retrying downloadImage of noble, attempt 2: MirrorError: it answers 503',
    'ubuntu prod/RegionOne: retrying publishIndex, attempt 4: CloudError: no',
  ]);
});

test('plain lines come once, news soon and other numbers after ten seconds', () => {
  let time = 0;
  const written: string[] = [];
  const display = plainLines(
    (text) => written.push(text),
    () => time,
  );
  const show = (at: number, offset: number, retrying: RunProgress['retrying'] = []) => {
    time = at;
    display.show([{ mirror: 'ubuntu', run: run([{ ...image, offset }], {}, retrying) }]);
    return written.splice(0).join('');
  };
  const line = (bytes: string) =>
    `ubuntu prod/RegionOne: syncing, 1 of 4 images, ${bytes} of 4.0 KiB downloaded, 1.0 KiB uploaded\n`;
  expect(show(0, 0)).toBe(line('1.0 KiB'));
  expect(show(9_000, 1024)).toBe('');
  expect(show(10_000, 1024)).toBe(line('2.0 KiB'));
  expect(show(60_000, 1024)).toBe('');
  expect(show(70_000, 2048)).toBe(line('3.0 KiB'));
  expect(show(72_000, 2048, [retried])).toBe(
    'ubuntu prod/RegionOne: retrying fetchIndex, attempt 3: MirrorUnreachable: the mirror does not answer\n',
  );
});

test('a terminal shows a bar for each image', () => {
  expect(renderProgress('ubuntu', run([image]), 100)).toEqual([
    'ubuntu: Syncing prod',
    '  prod/RegionOne: syncing, 1 of 4 images, 1.0 KiB of 4.0 KiB downloaded, 1.0 KiB uploaded',
    '    [##########..........]  50% download noble 50 B/100 B',
  ]);
});

test('an image that is tried again says why', () => {
  const [, , line] = renderProgress(
    'ubuntu',
    run([{ ...image, attempt: 2, lastFailure: { code: 'MirrorError', message: 'reset' } }]),
    200,
  );
  expect(line).toMatch(/noble 50 B\/100 B \(attempt 2: MirrorError: reset\)$/);
});

test('lines are cut to the width of the terminal, and control characters are escaped before', () => {
  const lines = renderProgress('ubuntu', run([{ ...image, label: 'a\u001b[2J' }]), 40);
  expect(lines.every((line) => line.length <= 40)).toBe(true);
  expect(lines.join('\n')).not.toContain('\u001b');
  expect(lines[2]).toMatch(/…$/);
});
