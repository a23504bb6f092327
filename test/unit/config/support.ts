import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { rm } from 'node:fs/promises';

import { loadConfiguration, type Configuration } from '../../../config/index.js';
import { ImageStreamError } from '../../../contracts/errors.js';

const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

/** A folder that goes with the test file. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'image-stream-config-'));
  folders.push(folder);
  return folder;
}

/** Loads a configuration written on the spot, in a home where nothing else is. */
export async function loadText(text: string | Uint8Array): Promise<Configuration> {
  const cwd = await temporaryFolder();
  await writeFile(join(cwd, 'image-stream.yaml'), text);
  return loadConfiguration({ cwd, env: { HOME: join(cwd, 'home') } });
}

/** The error that loading this text ends in. */
export async function loadError(text: string | Uint8Array): Promise<ImageStreamError> {
  const result = await loadText(text).catch((error: unknown) => error);
  if (result instanceof ImageStreamError) return result;
  throw new Error('the configuration was accepted', { cause: result });
}

/** A configuration with one cloud and a mirror with these further lines. */
export function withMirror(...lines: string[]): string {
  return [
    'clouds:',
    '  - name: prod',
    'mirrors:',
    '  - name: ubuntu',
    '    url: https://mirror.test/releases',
    ...lines.map((line) => `    ${line}`),
    '',
  ].join('\n');
}

export const minimal = withMirror();
