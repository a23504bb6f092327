import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { configuredTemporal } from '../../../cli/embedded/configured.js';
import { errorLine, ImageStreamError } from '../../../contracts/errors.js';

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'image-stream-env-'));
});
afterAll(() => rm(home, { recursive: true, force: true }));

test('finds no server where neither the environment nor a file names one', () => {
  expect(configuredTemporal({ HOME: home })).toBeUndefined();
});

test('takes an empty variable for none', () => {
  expect(configuredTemporal({ HOME: home, TEMPORAL_ADDRESS: '', TEMPORAL_NAMESPACE: '' })).toBeUndefined();
});

test('reads address and namespace from the environment', () => {
  expect(
    configuredTemporal({ HOME: home, TEMPORAL_ADDRESS: 'temporal.test:7233', TEMPORAL_NAMESPACE: 'images' }),
  ).toMatchObject({
    address: 'temporal.test:7233',
    namespace: 'images',
    connectionOptions: { address: 'temporal.test:7233' },
  });
});

test('takes a namespace alone for a server at the usual address', () => {
  expect(configuredTemporal({ HOME: home, TEMPORAL_NAMESPACE: 'images' })).toMatchObject({
    address: 'localhost:7233',
    namespace: 'images',
  });
});

test('uses TLS with an API key', () => {
  const found = configuredTemporal({ HOME: home, TEMPORAL_ADDRESS: 'a.test:7233', TEMPORAL_API_KEY: 'key' });
  expect(found?.connectionOptions).toMatchObject({ apiKey: 'key', tls: true });
});

test('reads the profile of Temporal’s configuration file', async () => {
  const file = join(home, 'temporal.toml');
  await writeFile(
    file,
    '[profile.default]\naddress = "one.test:7233"\n[profile.two]\naddress = "two.test:7233"\nnamespace = "n"\n',
  );
  const env = { HOME: home, TEMPORAL_CONFIG_FILE: file };
  expect(configuredTemporal(env)).toMatchObject({ address: 'one.test:7233', namespace: 'default' });
  expect(configuredTemporal({ ...env, TEMPORAL_PROFILE: 'two' })).toMatchObject({
    address: 'two.test:7233',
    namespace: 'n',
  });
});

test('says that the file cannot be read without repeating what is in it', async () => {
  const file = join(home, 'broken.toml');
  await writeFile(file, '[profile.default]\napi_key = "hunter2\n');
  try {
    configuredTemporal({ HOME: home, TEMPORAL_CONFIG_FILE: file });
    expect.unreachable();
  } catch (error) {
    expect(error).toMatchObject({ code: 'ConfigInvalid', exit: 2 });
    if (error instanceof ImageStreamError)
      expect(errorLine(error) + JSON.stringify(error.details)).not.toContain('hunter2');
  }
});
