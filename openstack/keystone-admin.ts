import { z } from 'zod';
import type { EndpointInterface } from './cloud-types.js';
import type { Answer, Method } from './http-client.js';
import type { Session } from './session.js';

export interface KeystoneService {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly description: string;
  readonly enabled: boolean;
}

export interface KeystoneEndpoint {
  readonly id: string;
  readonly serviceId: string;
  readonly region: string;
  readonly interface: string;
  readonly url: string;
  readonly enabled: boolean;
}

export type Change = 'created' | 'updated' | 'unchanged';

export interface WantedService {
  readonly type: string;
  readonly name: string;
  readonly description: string;
}

export interface WantedEndpoint {
  readonly serviceId: string;
  readonly region: string;
  readonly interface: EndpointInterface;
  readonly url: string;
}

const serviceSchema = z
  .object({
    id: z.string(),
    type: z.string(),
    name: z.string().nullish(),
    description: z.string().nullish(),
    enabled: z.boolean().default(true),
  })
  .transform((wire): KeystoneService => ({
    ...wire,
    name: wire.name ?? '',
    description: wire.description ?? '',
  }));

const endpointSchema = z
  .object({
    id: z.string(),
    service_id: z.string(),
    region_id: z.string().nullish(),
    interface: z.string(),
    url: z.string(),
    enabled: z.boolean().default(true),
  })
  .transform(({ service_id, region_id, ...wire }): KeystoneEndpoint => ({
    ...wire,
    serviceId: service_id,
    region: region_id ?? '',
  }));

/**
 * Services and endpoints of the catalogue. Reading and writing needs an administrator.
 * Every method throws ImageStreamError AdvertiseForbidden for others.
 */
export class KeystoneAdmin {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async listServices(
    filter: { readonly type?: string; readonly name?: string } = {},
    signal?: AbortSignal,
  ): Promise<KeystoneService[]> {
    const answer = await this.#send('GET', `/services?${query(filter)}`, 'list services', undefined, signal);
    return answer.json(z.object({ services: z.array(serviceSchema) })).services;
  }

  /** Sees to it that there is a service of that type with that name and description; of several, the one so named. */
  async ensureService(
    wanted: WantedService,
    signal?: AbortSignal,
  ): Promise<{ service: KeystoneService; change: Change }> {
    const ofType = await this.listServices({ type: wanted.type }, signal);
    // Two that were made at the same moment are told apart by id, so that everybody goes on with the same one.
    const byId = [...ofType].sort((a, b) => (a.id < b.id ? -1 : 1));
    const found = byId.find(({ name }) => name === wanted.name) ?? byId[0];
    const right = found?.name === wanted.name && found.description === wanted.description && found.enabled;
    if (found && right) return { service: found, change: 'unchanged' };
    const answer = await this.#write('service', found?.id, { ...wanted, enabled: true }, signal);
    const { service } = answer.json(z.object({ service: serviceSchema }));
    if (found) return { service, change: 'updated' };
    return { service: await this.#firstOfTwins(service, signal), change: 'created' };
  }

  /**
   * Of two who made the same service at the same moment the one with the later id gives way. Where that one had looked before its twin
   * came, both stay: everybody takes the first from then on, and the other one leads to the same address.
   */
  async #firstOfTwins(made: KeystoneService, signal?: AbortSignal): Promise<KeystoneService> {
    const all = await this.listServices({ type: made.type, name: made.name }, signal);
    const first = all.reduce((one, other) => (other.id < one.id ? other : one), made);
    if (first.id !== made.id) await this.deleteService(made.id, signal);
    return first;
  }

  async deleteService(id: string, signal?: AbortSignal): Promise<void> {
    await this.#send(
      'DELETE',
      `/services/${encodeURIComponent(id)}`,
      `delete service ${id}`,
      undefined,
      signal,
    );
  }

  async listEndpoints(
    filter: {
      readonly serviceId?: string;
      readonly region?: string;
      readonly interface?: EndpointInterface;
    } = {},
    signal?: AbortSignal,
  ): Promise<KeystoneEndpoint[]> {
    const wire = { service_id: filter.serviceId, region_id: filter.region, interface: filter.interface };
    const answer = await this.#send('GET', `/endpoints?${query(wire)}`, 'list endpoints', undefined, signal);
    return answer.json(z.object({ endpoints: z.array(endpointSchema) })).endpoints;
  }

  /**
   * Sees to it that a service has that URL in a region, for one interface. Where somebody made several, the first is
   * kept right and the ids of the others are told: which of them clients take is their choice. `before` is the URL that was
   * replaced.
   */
  async ensureEndpoint(
    wanted: WantedEndpoint,
    signal?: AbortSignal,
  ): Promise<{ endpoint: KeystoneEndpoint; change: Change; before?: string; duplicates: string[] }> {
    const { serviceId, region, interface: choice, url } = wanted;
    const same = await this.listEndpoints({ serviceId, region, interface: choice }, signal);
    const found = same.find((one) => one.url === url && one.enabled) ?? same[0];
    const duplicates = same.filter((one) => one !== found).map(({ id }) => id);
    if (found && found.url === url && found.enabled)
      return { endpoint: found, change: 'unchanged', duplicates };
    const fields = { service_id: serviceId, region_id: region, interface: choice, url, enabled: true };
    const answer = await this.#write('endpoint', found?.id, fields, signal);
    const { endpoint } = answer.json(z.object({ endpoint: endpointSchema }));
    if (!found) return { endpoint, change: 'created', duplicates };
    return { endpoint, change: 'updated', duplicates, ...(found.url !== url && { before: found.url }) };
  }

  async deleteEndpoint(id: string, signal?: AbortSignal): Promise<void> {
    await this.#send(
      'DELETE',
      `/endpoints/${encodeURIComponent(id)}`,
      `delete endpoint ${id}`,
      undefined,
      signal,
    );
  }

  async #write(
    kind: 'service' | 'endpoint',
    id: string | undefined,
    fields: Record<string, unknown>,
    signal?: AbortSignal,
  ): Promise<Answer> {
    const purpose = `${id === undefined ? 'create' : 'update'} ${kind} ${String(fields.name ?? fields.url)}`;
    return id === undefined
      ? this.#send('POST', `/${kind}s`, purpose, { [kind]: fields }, signal)
      : this.#send('PATCH', `/${kind}s/${encodeURIComponent(id)}`, purpose, { [kind]: fields }, signal);
  }

  async #send(
    method: Method,
    path: string,
    purpose: string,
    body: unknown,
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    return this.#session.request({
      action: 'advertise',
      service: 'Keystone',
      method,
      url: `${await this.#session.identityRoot(signal)}${path}`,
      purpose,
      signal,
      ...(body !== undefined && {
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      }),
    });
  }
}

function query(values: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return new URLSearchParams(given).toString();
}
