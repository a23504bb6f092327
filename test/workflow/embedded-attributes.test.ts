import { Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { checkSearchAttributes } from '../../cli/embedded/search-attributes.js';
import { Scene } from './embedded-support.js';

let scene: Scene;
let connection: Connection;
beforeAll(async () => {
  scene = await Scene.open();
  const { address } = await scene.connect();
  connection = await Connection.connect({ address });
});
afterAll(async () => {
  await connection.close();
  await scene.close();
});

const remove = (...searchAttributes: string[]) =>
  connection.operatorService.removeSearchAttributes({ namespace: 'default', searchAttributes });

test('finds every search attribute on the embedded server', async () => {
  await expect(checkSearchAttributes(connection, 'default')).resolves.toBeUndefined();
});

test('names those that are missing, with the command that registers them', async () => {
  await remove('Stage', 'Arch');
  await expect(checkSearchAttributes(connection, 'default')).rejects.toMatchObject({
    code: 'TemporalSetup',
    exit: 2,
    message: 'Search attributes missing in namespace default: Arch, Stage',
    hint:
      'Register them with `temporal operator search-attribute create --namespace default --name Arch --type Keyword ' +
      '--name Stage --type Keyword`.',
  });
});

test('registers on the embedded server what an older database lacks', async () => {
  await scene.connect();
  await expect
    .poll(() => checkSearchAttributes(connection, 'default').catch(() => 'missing'), { timeout: 10_000 })
    .toBeUndefined();
});

test('names those that are there with another type', async () => {
  await remove('Stage');
  await connection.operatorService.addSearchAttributes({
    namespace: 'default',
    searchAttributes: { Stage: 3 },
  });
  await expect
    .poll(() => checkSearchAttributes(connection, 'default').catch(String), { timeout: 10_000 })
    .toMatch(/not of type Keyword: Stage/);
});

test('keeps histories for a month', async () => {
  const { config } = await connection.workflowService.describeNamespace({ namespace: 'default' });
  expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(30 * 86_400);
});
