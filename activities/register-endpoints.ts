import type { Activities } from '../contracts/activities.js';
import { ImageStreamError } from '../contracts/errors.js';
import { printableUrl } from '../contracts/urls.js';
import type { AdvertiseOutcome, TargetRef } from '../contracts/sync.js';
import type { EndpointInterface } from '../openstack/index.js';
import type { Dependencies } from './dependencies.js';
import { beating } from './heartbeat.js';

const SERVICE = { type: 'product-streams', name: 'image-stream', description: 'Ubuntu Product Streams' };
const INTERFACES: readonly EndpointInterface[] = ['public', 'internal', 'admin'];

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
  const swift = await clouds.swift(target);
  const suffix = publicUrl.slice((await swift.accountUrl('public')).length);
  const session = await clouds.ofTarget(target);
  const catalogue = await session.catalogue();
  const urls = await Promise.all(
    INTERFACES.map(async (kind) => ({ kind, url: (await accountOr(swift, kind)) + suffix })),
  );
  const advertised = catalogue.services.some(
    ({ type, name, endpoints }) =>
      type === SERVICE.type &&
      name === SERVICE.name &&
      urls.every(({ kind, url }) =>
        endpoints.some((one) => one.region === target.region && one.interface === kind && one.url === url),
      ),
  );
  if (advertised) return { state: 'unchanged', url: publicUrl };
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

type Swift = Awaited<ReturnType<Dependencies['clouds']['swift']>>;
type Admin = Awaited<ReturnType<Dependencies['clouds']['admin']>>;
interface EndpointUrl {
  kind: EndpointInterface;
  url: string;
}

/** A cloud without internal or admin endpoints for Swift is advertised by its public one. */
async function accountOr(swift: Swift, kind: EndpointInterface): Promise<string> {
  try {
    return await swift.accountUrl(kind);
  } catch (error) {
    if (error instanceof ImageStreamError && kind !== 'public') return swift.accountUrl('public');
    throw error;
  }
}

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
