import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { buildId, version, workflowCode } from '../../../workers/build-id.js';

const manifest = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

test('knows the version of the package', () => {
  expect(version()).toBe(manifest.version);
});

test('names a build by version and workflow code', () => {
  expect(buildId()).toMatch(new RegExp(`^${manifest.version}\\+([0-9a-f]{12}|source)$`));
});

test('finds workflow code that is there', () => {
  const code = workflowCode();
  const path = 'workflowsPath' in code ? code.workflowsPath : code.workflowBundle.codePath;
  expect(readFileSync(path, 'utf8')).toContain('syncMirror');
});
