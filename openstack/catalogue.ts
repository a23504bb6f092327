import { z } from 'zod';
import { ImageStreamError } from '../contracts/errors.js';
import type { EndpointInterface } from './cloud-types.js';

const endpointSchema = z.object({
  interface: z.string(),
  region: z.string().nullish(),
  region_id: z.string().nullish(),
  url: z.string(),
});

/** The catalogue in a token's answer (Identity API v3, "Authentication and token management"). */
export const catalogueSchema = z.array(
  z.object({ type: z.string(), name: z.string().nullish(), endpoints: z.array(endpointSchema) }),
);

export interface CatalogueEndpoint {
  readonly interface: string;
  /** Empty for an endpoint of no region. */
  readonly region: string;
  readonly url: string;
}

export interface CatalogueService {
  readonly type: string;
  readonly name: string;
  readonly endpoints: readonly CatalogueEndpoint[];
}

export interface EndpointWish {
  readonly serviceType: string;
  /** Absent: the only region that has the service. */
  readonly region?: string | undefined;
  readonly interface: EndpointInterface;
}

/** Which services a cloud has, where. Regions are compared exactly: `regionone` is not `RegionOne`. */
export class Catalogue {
  readonly services: readonly CatalogueService[];

  constructor(services: readonly CatalogueService[]) {
    this.services = services;
  }

  static parse(value: z.infer<typeof catalogueSchema>): Catalogue {
    return new Catalogue(
      value.map(({ type, name, endpoints }) => ({
        type,
        name: name ?? '',
        endpoints: endpoints.map((one) => ({
          interface: one.interface,
          region: one.region_id ?? one.region ?? '',
          url: one.url,
        })),
      })),
    );
  }

  /** The service types that have an endpoint, sorted. */
  serviceTypes(): string[] {
    return sorted(this.services.filter(({ endpoints }) => endpoints.length > 0).map(({ type }) => type));
  }

  /** The regions that have an endpoint of a service type, or of any; sorted. */
  regions(serviceType?: string): string[] {
    return sorted(this.#endpoints(serviceType).map(({ region }) => region));
  }

  /**
   * The URL of an endpoint, without trailing slash.
   * @throws {ImageStreamError} RegionUnknown, ServicesUnavailable, each naming what the catalogue has
   */
  url(wish: EndpointWish): string {
    const ofType = this.#endpoints(wish.serviceType);
    const region = wish.region ?? this.#onlyRegion(wish.serviceType, ofType);
    if (!this.regions().includes(region)) {
      throw new ImageStreamError(
        'RegionUnknown',
        `The catalogue has no region ${region}: it has ${list(this.regions())}`,
        { details: { region, regions: this.regions() } },
      );
    }
    const here = ofType.filter((one) => one.region === region);
    const found = here.find((one) => one.interface === wish.interface);
    if (found) return found.url.replace(/\/+$/, '');
    throw this.#unavailable(wish.serviceType, region, here, wish.interface);
  }

  #endpoints(serviceType?: string): CatalogueEndpoint[] {
    return this.services
      .filter(({ type }) => serviceType === undefined || type === serviceType)
      .flatMap(({ endpoints }) => endpoints);
  }

  #onlyRegion(serviceType: string, endpoints: readonly CatalogueEndpoint[]): string {
    const regions = sorted(endpoints.map(({ region }) => region));
    const [only] = regions;
    if (only === undefined) throw this.#unavailable(serviceType, undefined, [], 'public');
    if (regions.length === 1) return only;
    throw new ImageStreamError(
      'RegionUnknown',
      `No region was named, and ${serviceType} is in ${list(regions)}`,
      {
        hint: 'Name the region with OS_REGION_NAME, region_name or regions.',
        details: { regions },
      },
    );
  }

  #unavailable(
    serviceType: string,
    region: string | undefined,
    here: readonly CatalogueEndpoint[],
    wanted: EndpointInterface,
  ): ImageStreamError {
    const elsewhere = this.regions(serviceType);
    const what =
      here.length > 0
        ? `no ${wanted} endpoint of ${serviceType} in ${region ?? ''}, only ${list(sorted(here.map((one) => one.interface)))}`
        : elsewhere.length > 0
          ? `${serviceType} in ${list(elsewhere)} and not in ${region ?? ''}`
          : `no ${serviceType} service; it has ${list(this.serviceTypes())}`;
    return new ImageStreamError('ServicesUnavailable', `The catalogue has ${what}`, {
      details: { serviceType, ...(region !== undefined && { region }), serviceTypes: this.serviceTypes() },
    });
  }
}

function sorted(names: readonly string[]): string[] {
  return [...new Set(names)].sort();
}

function list(names: readonly string[]): string {
  return names.length > 0 ? names.map((name) => name || '(no region)').join(', ') : 'none';
}
