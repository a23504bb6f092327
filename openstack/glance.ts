import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { ImageStreamError } from '../contracts/errors.js';
import {
  imageSchema,
  isOwnName,
  patchFor,
  type GlanceImage,
  type ImageChanges,
  type NewImage,
  type PatchOperation,
  type Visibility,
} from './glance-image.js';
import { listImages, type ImageFilters } from './glance-list.js';
import { UPLOAD_ANSWER_TIMEOUT, UploadBody, type UploadOptions } from './glance-upload.js';
import type { Answer, Method } from './http-client.js';
import type { Action } from './service-errors.js';
import type { Session, SessionCall } from './session.js';

/** The property by which images made to ask for a right are known, and cleaned up after a crash. */
const PROBE = 'image_stream_probe';
const PROBE_AGE = 10 * 60_000;

interface Request {
  readonly purpose: string;
  readonly action?: Action;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly expect?: readonly number[];
  readonly signal?: AbortSignal | undefined;
}

/** Glance's Image API v2 in one region. Every method throws ImageStreamError with the codes of service-errors.ts. */
export class Glance {
  readonly #session: Session;
  readonly #region: string | undefined;

  constructor(session: Session, region?: string) {
    this.#session = session;
    this.#region = region;
  }

  /**
   * All images that the filters leave, of every visibility, hidden ones too, each once. Pages are read as they are
   * needed.
   */
  list(filters: ImageFilters = {}, signal?: AbortSignal): AsyncGenerator<GlanceImage, void, undefined> {
    return listImages(
      async (query) => this.#send('GET', `/images?${query}`, { purpose: 'list images', signal }),
      filters,
    );
  }

  /** @throws {ImageStreamError} NotFound */
  async get(id: string, signal?: AbortSignal): Promise<GlanceImage> {
    const answer = await this.#send('GET', imagePath(id), { purpose: `read image ${id}`, signal });
    return answer.json(imageSchema);
  }

  /** Like `get`, with undefined for an image that is not there. */
  async find(id: string, signal?: AbortSignal): Promise<GlanceImage | undefined> {
    const answer = await this.#send('GET', imagePath(id), {
      purpose: `read image ${id}`,
      expect: [200, 404],
      signal,
    });
    return answer.status === 404 ? undefined : answer.json(imageSchema);
  }

  /**
   * Creates an image without bytes (status queued).
   * @throws {ImageStreamError} VisibilityForbidden, QuotaExceeded, Conflict where the id was used before
   */
  async create(image: NewImage, signal?: AbortSignal): Promise<GlanceImage> {
    const answer = await this.#send('POST', '/images', {
      purpose: `create ${image.visibility} image ${image.name}`,
      action: actionFor(image.visibility),
      body: wireFields(image),
      signal,
    });
    return answer.json(imageSchema);
  }

  /**
   * Sends an image's bytes, once: the body is streamed as fast as Glance takes it, and destroyed at the end. Needs a
   * queued image, and begins with a fresh token, since Glance checks it again when the bytes are stored.
   * @throws {ImageStreamError} ImageGone where it was deleted meanwhile, Conflict where another writes or wrote it,
   *   QuotaExceeded, TokenRefused, CloudUnreachable; the body's own error where that failed
   */
  async upload(
    id: string,
    body: Readable | AsyncIterable<Uint8Array>,
    options: UploadOptions,
  ): Promise<void> {
    await this.#session.freshToken(options.signal);
    const call: SessionCall = {
      action: 'image-upload',
      service: 'Glance',
      method: 'PUT',
      url: `${await this.root(options.signal)}${imagePath(id)}/file`,
      purpose: `upload image ${id}`,
    };
    const upload = new UploadBody(body, call, options);
    try {
      await this.#session.request({
        ...call,
        body: upload.stream,
        headers: { 'content-type': 'application/octet-stream', 'content-length': String(options.size) },
        signal: upload.signal,
        answerTimeout: UPLOAD_ANSWER_TIMEOUT,
        replay: false,
      });
    } catch (error) {
      throw upload.sourceError ?? (await this.#explained(id, error, options.signal));
    } finally {
      upload.end();
    }
  }

  /**
   * Changes an image, by operations of JSON patch or by what should hold afterwards.
   * @throws {ImageStreamError} VisibilityForbidden, Forbidden, NotFound
   */
  async patch(
    id: string,
    changes: ImageChanges | readonly PatchOperation[],
    signal?: AbortSignal,
  ): Promise<GlanceImage> {
    const operations = isOperations(changes) ? changes : patchFor(await this.#removable(id, changes, signal));
    const shown = operations.find(({ path }) => path === '/visibility')?.value;
    const answer = await this.#send('PATCH', imagePath(id), {
      purpose: `change image ${id}`,
      action: actionFor(shown),
      body: operations,
      contentType: 'application/openstack-images-v2.1-json-patch',
      signal,
    });
    return answer.json(imageSchema);
  }

  /**
   * Deletes an image; one that is not there is fine.
   * @returns whether it was there
   * @throws {ImageStreamError} Forbidden for a protected image, Conflict for one in use
   */
  async delete(id: string, signal?: AbortSignal): Promise<boolean> {
    const answer = await this.#send('DELETE', imagePath(id), {
      purpose: `delete image ${id}`,
      expect: [204, 404, 410],
      signal,
    });
    return answer.status === 204;
  }

  /** Makes an image's bytes unreadable, as for one that is no longer offered. */
  async deactivate(id: string, signal?: AbortSignal): Promise<void> {
    await this.#send('POST', `${imagePath(id)}/actions/deactivate`, {
      purpose: `deactivate image ${id}`,
      signal,
    });
  }

  async reactivate(id: string, signal?: AbortSignal): Promise<void> {
    await this.#send('POST', `${imagePath(id)}/actions/reactivate`, {
      purpose: `reactivate image ${id}`,
      signal,
    });
  }

  /**
   * Asks whether this user may make images of a visibility here, the only way Glance tells: by making one without bytes
   * and deleting it. Probes that a crash left behind are deleted too: those of the same `asker` at once, others when they are old.
   * @throws {ImageStreamError} VisibilityForbidden, Forbidden, QuotaExceeded
   */
  async probeVisibility(
    visibility: Visibility,
    { asker = randomUUID(), signal }: { asker?: string; signal?: AbortSignal } = {},
  ): Promise<void> {
    await this.#removeProbes(asker, signal);
    const probe = await this.create(
      {
        name: `image-stream-probe-${randomUUID()}`,
        diskFormat: 'raw',
        containerFormat: 'bare',
        visibility,
        properties: { [PROBE]: asker },
      },
      signal,
    );
    await this.delete(probe.id);
  }

  /** Asks for next to nothing. @throws {ImageStreamError} CloudUnreachable, CloudError, when the service does not answer */
  async ping(signal?: AbortSignal): Promise<void> {
    await this.#send('GET', '/images?limit=1', { purpose: 'see whether images can be listed', signal });
  }

  /** The service's root with its version, without trailing slash. */
  async root(signal?: AbortSignal): Promise<string> {
    await this.#session.catalogue(signal);
    const endpoint = this.#session.endpoint('image', this.#region);
    return `${endpoint.replace(/\/+$/, '').replace(/\/v\d(\.\d+)?$/, '')}/v2`;
  }

  async #removeProbes(asker: string, signal?: AbortSignal): Promise<void> {
    const { projectId } = await this.#session.identity(signal);
    for await (const image of this.list({ owner: projectId, status: 'queued' }, signal)) {
      const { [PROBE]: made } = image.properties;
      const old = Date.now() - Date.parse(image.createdAt) > PROBE_AGE;
      if (made !== undefined && (made === asker || old)) await this.delete(image.id, signal);
    }
  }

  /** Removing a property that is not there is a conflict for Glance, so only those that are there stay in the list. */
  async #removable(id: string, changes: ImageChanges, signal?: AbortSignal): Promise<ImageChanges> {
    if (!changes.remove?.length) return changes;
    const { properties } = await this.get(id, signal);
    return { ...changes, remove: changes.remove.filter((name) => Object.hasOwn(properties, name)) };
  }

  /** A cut connection may be how the service answers while bytes still flow: the image itself tells what happened. */
  async #explained(id: string, error: unknown, signal?: AbortSignal): Promise<unknown> {
    if (signal?.aborted || !(error instanceof ImageStreamError) || error.details.fault !== 'cut')
      return error;
    const image = await this.find(id, signal).catch(() => 'unknown' as const);
    if (image === undefined) {
      return new ImageStreamError('ImageGone', `Image ${id} was deleted during its upload`, { cause: error });
    }
    return error;
  }

  async #send(method: Method, path: string, request: Request): Promise<Answer> {
    return this.#session.request({
      action: request.action ?? 'image',
      service: 'Glance',
      method,
      url: `${await this.root(request.signal)}${path}`,
      purpose: request.purpose,
      signal: request.signal,
      ...(request.expect && { expect: request.expect }),
      ...(request.body !== undefined && {
        body: JSON.stringify(request.body),
        headers: { 'content-type': request.contentType ?? 'application/json' },
      }),
    });
  }
}

function imagePath(id: string): string {
  return `/images/${encodeURIComponent(id)}`;
}

function isOperations(
  changes: ImageChanges | readonly PatchOperation[],
): changes is readonly PatchOperation[] {
  return Array.isArray(changes);
}

/** Only visibilities that reach beyond the project need a right of their own. */
function actionFor(visibility: unknown): Action {
  return visibility === 'public' || visibility === 'community' ? 'image-publish' : 'image';
}

function wireFields(image: NewImage): Record<string, unknown> {
  const properties = image.properties ?? {};
  const taken = Object.keys(properties).find(isOwnName);
  if (taken !== undefined) {
    throw new ImageStreamError(
      'BadRequest',
      `Image ${image.name}: ${taken} is a field of Glance and no custom property`,
    );
  }
  return {
    ...properties,
    ...(image.id !== undefined && { id: image.id }),
    name: image.name,
    disk_format: image.diskFormat,
    container_format: image.containerFormat,
    visibility: image.visibility,
    ...(image.tags && { tags: image.tags }),
    ...(image.protected !== undefined && { protected: image.protected }),
    ...(image.osHidden !== undefined && { os_hidden: image.osHidden }),
    ...(image.minDisk !== undefined && { min_disk: image.minDisk }),
    ...(image.minRam !== undefined && { min_ram: image.minRam }),
  };
}
