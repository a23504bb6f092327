import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import yaml from 'js-yaml';
import { z } from 'zod';
import type { Workbench } from './cli.js';
import { LOCAL_CLOUD } from './cloud.js';

const cloudsSchema = z.object({
  clouds: z.object({ local: z.looseObject({ auth: z.looseObject({ auth_url: z.string() }) }) }),
});

/** What is other than in the local cloud's own entry: keys of clouds.yaml, and of its `auth`. */
export interface OtherCloud {
  entry?: Record<string, string>;
  auth?: Record<string, string>;
}

/** Gives a workbench a clouds.yaml of its own, in which `local` is the local cloud by other ways. */
export async function writeOwnCloud(bench: Workbench, { entry, auth }: OtherCloud): Promise<void> {
  const { clouds } = cloudsSchema.parse(yaml.load(await readFile(join(LOCAL_CLOUD, 'clouds.yaml'), 'utf8')));
  const local = { ...clouds.local, ...entry, auth: { ...clouds.local.auth, ...auth } };
  const file = join(bench.folder, 'clouds.yaml');
  await writeFile(file, JSON.stringify({ clouds: { local } }));
  bench.env.OS_CLIENT_CONFIG_FILE = file;
}
