import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLogger } from '../../../workers/logging.js';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'image-stream-log-'));
  file = join(folder, 'worker.log');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const lines = () =>
  readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test('writes one JSON object a line', () => {
  const logger = createLogger({ file, level: 'info' });
  logger.info({ mirror: 'ubuntu' }, 'two\nlines');
  logger.warn('more');
  expect(lines()).toMatchObject([{ mirror: 'ubuntu', msg: 'two\nlines' }, { msg: 'more' }]);
});

test('leaves out what is below its level', () => {
  const logger = createLogger({ file, level: 'warn' });
  logger.info('quiet');
  logger.error('loud');
  expect(lines().map(({ msg }) => msg)).toEqual(['loud']);
});

test.each(['password', 'secret', 'token', 'authorization', 'x-auth-token', 'apiKey', 'passphrase'])(
  'keeps a %s out of the log, at the top and one level down',
  (key) => {
    const logger = createLogger({ file, level: 'info' });
    logger.info({ [key]: 'hunter2', headers: { [key]: 'hunter2' } }, 'call');
    expect(readFileSync(file, 'utf8')).not.toContain('hunter2');
  },
);

test('writes a log that only its user can read', () => {
  createLogger({ file, level: 'info' }).info('x');
  expect(statSync(file).mode & 0o077).toBe(0);
});
