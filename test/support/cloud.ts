import { access } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadCloud, Session, type CloudConfig, type SessionOptions } from '../../openstack/index.js';

/** Who to be in the local cloud: one who may publish images, a plain member, the administrator. */
export type LocalUser = 'local' | 'local-member' | 'local-admin';

/**
 * The state folder of `scripts/local-cloud`. Test files that run side by side have a cloud each, so that none meets another's
 * endpoints or stopped services: IMAGE_STREAM_LOCAL_CLOUDS lists them, and the runner numbers its lanes from 1.
 */
export const LOCAL_CLOUD = path.resolve(
  laneOf(process.env.IMAGE_STREAM_LOCAL_CLOUDS) ??
    process.env.IMAGE_STREAM_LOCAL_CLOUD ??
    path.join(import.meta.dirname, '..', '..', '.local', 'cloud'),
);

/** Where a test puts clouds of its own: scripts/test takes down those of tests that were killed. */
export const CLOUDS_FOLDER = process.env.IMAGE_STREAM_TEST_CLOUDS ?? tmpdir();

const CLOUDS_FILE = path.join(LOCAL_CLOUD, 'clouds.yaml');

/** An environment in which nothing but the local cloud's clouds.yaml says which cloud there is. */
export function localCloudEnv(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(OS_|.*_proxy$)/i.test(name));
  return { ...Object.fromEntries(own), OS_CLIENT_CONFIG_FILE: CLOUDS_FILE };
}

/** @throws where the local cloud is not there: a missing service is a failure and no reason to skip */
export async function localCloud(user: LocalUser = 'local'): Promise<CloudConfig> {
  try {
    await access(CLOUDS_FILE);
  } catch {
    throw new Error(`There is no local cloud at ${LOCAL_CLOUD}: run scripts/local-cloud up`);
  }
  return loadCloud(user, { env: localCloudEnv(), cwd: LOCAL_CLOUD });
}

/** A session that has authenticated. @throws where the local cloud is not up */
export async function localSession(user: LocalUser = 'local', options?: SessionOptions): Promise<Session> {
  const session = new Session(await localCloud(user), options);
  try {
    await session.authenticate();
  } catch (cause) {
    await session.close();
    throw new Error(`The local cloud at ${LOCAL_CLOUD} does not answer: run scripts/local-cloud up`, {
      cause,
    });
  }
  return session;
}

/** A name that no other run of a test uses. */
export function uniqueName(stem: string): string {
  return `${stem}-${process.pid}-${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`;
}

function laneOf(clouds: string | undefined): string | undefined {
  if (!clouds) return undefined;
  const lane = Number(process.env.VITEST_POOL_ID ?? 1);
  const cloud = clouds.split(':')[lane - 1];
  if (!cloud) throw new Error(`There is no cloud for lane ${lane} in IMAGE_STREAM_LOCAL_CLOUDS=${clouds}`);
  return cloud;
}
