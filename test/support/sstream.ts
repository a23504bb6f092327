import { execFile } from 'node:child_process';
import { access, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { load } from 'js-yaml';
import { z } from 'zod';
import { LOCAL_CLOUD, localCloudEnv, type LocalUser } from './cloud.js';

/** Its licence keeps it a program of its own, in an environment of its own, beside the distribution's OpenStack clients. */
const PACKAGE = 'python-simplestreams==0.1.0.post59';
const VENV =
  process.env.IMAGE_STREAM_SSTREAM_VENV ?? join(tmpdir(), `image-stream-test-${PACKAGE.replace('==', '-')}`);
const PYTHON = '/usr/bin/python3';

const execute = promisify(execFile);

/**
 * Installs the Python simplestreams once a machine; complete where it is there, since files that run side by side may both do it.
 * @throws where python3-venv or the OpenStack clients are missing
 */
export async function installSstream(): Promise<void> {
  if (await isThere(VENV)) return;
  const own = `${VENV}.${process.pid}`;
  await execute(PYTHON, ['-m', 'venv', '--system-site-packages', own]);
  await execute(join(own, 'bin/python'), ['-m', 'pip', 'install', '--quiet', PACKAGE]);
  await execute(join(own, 'bin/python'), ['-c', 'import glanceclient, keystoneclient, swiftclient']);
  await rename(own, VENV).catch(async (error: unknown) => {
    await rm(own, { recursive: true, force: true });
    if (!(await isThere(VENV))) throw error;
  });
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

export type SstreamTool = 'sstream-query' | 'sstream-mirror' | 'sstream-mirror-glance';

/** Runs one of its programs; not synchronous, since a mirror may be served by this very process. */
export async function sstream(
  tool: SstreamTool,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  const base = { ...localCloudEnv(), PYTHONIOENCODING: 'utf-8', no_proxy: '*' };
  const words = [join(VENV, 'bin', tool), ...args];
  const { stdout } = await execute(join(VENV, 'bin/python'), words, { env: { ...base, ...env } });
  return stdout;
}

const cloudsSchema = z.object({
  clouds: z.record(
    z.string(),
    z.object({
      auth: z.object({
        auth_url: z.string(),
        username: z.string(),
        password: z.string(),
        project_name: z.string(),
      }),
    }),
  ),
});

/** The variables by which the tool signs in: it reads no clouds.yaml. */
export async function osVariables(user: LocalUser, region: string): Promise<NodeJS.ProcessEnv> {
  const { clouds } = cloudsSchema.parse(load(await readFile(join(LOCAL_CLOUD, 'clouds.yaml'), 'utf8')));
  const auth = clouds[user]?.auth;
  if (!auth) throw new Error(`clouds.yaml has no cloud ${user}`);
  return {
    OS_AUTH_URL: auth.auth_url,
    OS_USERNAME: auth.username,
    OS_PASSWORD: auth.password,
    OS_PROJECT_NAME: auth.project_name,
    OS_USER_DOMAIN_NAME: 'Default',
    OS_PROJECT_DOMAIN_NAME: 'Default',
    OS_IDENTITY_API_VERSION: '3',
    OS_REGION_NAME: region,
  };
}
