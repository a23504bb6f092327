import type { Activities } from '../contracts/activities.js';
import { ImageStreamError } from '../contracts/errors.js';
import { printableUrl } from '../contracts/urls.js';
import type { AdvertiseOutcome, TargetRef } from '../contracts/sync.js';
import type { Dependencies } from './dependencies.js';
import { beating } from './heartbeat.js';
import { SERVICE, unadvertised, wantedEndpoints, type EndpointUrl } from './product-streams.js';

/**
 * Advertises the published stream in Keystone, where Juju looks for it. Called after a publish only: an endpoint that leads
 * nowhere breaks `juju bootstrap` (juju#20472).
 */
export function registerEndpoints(dependencies: Dependencies): Activities['registerEndpoints'] {
  const { settings } = dependencies;
  return async ({ run, target, publicUrl }) => {
    await settings.ofRun(run);
    const { publish, advertise } = settings.cloud(target.cloud);
    if (!advertise || publish.to !== 'swift') return { state: 'skipped', url: publicUrl };
    return beating(
      () => ({ stage: 'advertise', url: publicUrl }),
      () => advertiseAt(dependencies, target, publicUrl),
    );
  };
}

async function advertiseAt(
  { clouds }: Dependencies,
  target: TargetRef,
  publicUrl: string,
): Promise<AdvertiseOutcome> {
  const session = await clouds.ofTarget(target);
  // The catalogue is as old as the token, and somebody may have changed it since.
  await session.authenticate();
  const urls = await wantedEndpoints(await clouds.swift(target), publicUrl);
  if (unadvertised(await session.catalogue(), target.region, urls).length === 0) {
    return { state: 'unchanged', url: publicUrl };
  }
  try {
    return await clouds.inTurn(target.cloud, async () =>
      register(await clouds.admin(target), target.region, publicUrl, urls),
    );
  } catch (error) {
    if (!(error instanceof ImageStreamError) || error.code !== 'AdvertiseForbidden') throw error;
    return {
      state: 'forbidden',
      url: publicUrl,
      message: `${error.message}. ${commands(target.region, urls)}`,
    };
  }
}

type Admin = Awaited<ReturnType<Dependencies['clouds']['admin']>>;
async function register(
  admin: Admin,
  region: string,
  publicUrl: string,
  urls: readonly EndpointUrl[],
): Promise<AdvertiseOutcome> {
  const { service, change } = await admin.ensureService(SERVICE);
  const changes: string[] = [change];
  const replaced: string[] = [];
  for (const { kind, url } of urls) {
    const ensured = await admin.ensureEndpoint({ serviceId: service.id, region, interface: kind, url });
    changes.push(ensured.change);
    if (ensured.before !== undefined) replaced.push(`${kind} was ${printableUrl(ensured.before)}`);
  }
  const state = (['created', 'updated'] as const).find((one) => changes.includes(one)) ?? 'unchanged';
  if (replaced.length === 0) return { state, url: publicUrl };
  const message = `${SERVICE.type} of ${region} now leads to ${publicUrl}: ${replaced.join(', ')}`;
  return { state, url: publicUrl, message };
}

/** What an administrator would run instead. */
function commands(region: string, urls: readonly EndpointUrl[]): string {
  const lines = [
    `openstack service create --name ${SERVICE.name} --description "${SERVICE.description}" ${SERVICE.type}`,
    ...urls.map(
      ({ kind, url }) => `openstack endpoint create --region ${region} ${SERVICE.type} ${kind} ${url}`,
    ),
  ];
  return `An administrator would run: ${lines.join('; ')}`;
}
