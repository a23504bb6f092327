import { ImageStreamError } from '../contracts/errors.js';
import type { Catalogue, EndpointInterface, Swift } from '../openstack/index.js';

export const SERVICE = {
  type: 'product-streams',
  name: 'image-stream',
  description: 'Ubuntu Product Streams',
} as const;
const INTERFACES: readonly EndpointInterface[] = ['public', 'internal', 'admin'];

export interface EndpointUrl {
  kind: EndpointInterface;
  url: string;
}

/** Where each interface of `product-streams` should lead: the published place under Swift's endpoint of that interface. */
export async function wantedEndpoints(swift: Swift, publicUrl: string): Promise<EndpointUrl[]> {
  const suffix = publicUrl.slice((await swift.accountUrl('public')).length);
  return Promise.all(
    INTERFACES.map(async (kind) => ({ kind, url: (await accountOr(swift, kind)) + suffix })),
  );
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

/** The wanted endpoints that the catalogue lacks in a region, each with the addresses that it has instead. */
export function unadvertised(
  catalogue: Catalogue,
  region: string,
  wanted: readonly EndpointUrl[],
): (EndpointUrl & { instead: string[] })[] {
  const ofType = catalogue.services.filter(({ type }) => type === SERVICE.type);
  const addresses = (services: typeof ofType, kind: string) =>
    services
      .flatMap(({ endpoints }) => endpoints)
      .filter((one) => one.region === region && one.interface === kind)
      .map(({ url }) => url);
  const lacks = (service: (typeof ofType)[number]) =>
    wanted.filter(({ kind, url }) => !addresses([service], kind).includes(url));
  const [best = wanted] = ofType
    .filter(({ name }) => name === SERVICE.name)
    .map(lacks)
    .sort((a, b) => a.length - b.length);
  return best.map((one) => ({ ...one, instead: addresses(ofType, one.kind) }));
}
