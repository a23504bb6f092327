import { createHash } from 'node:crypto';
import { z } from 'zod';
import { ImageStreamError } from '../contracts/errors.js';
import type { EndpointInterface } from './cloud-types.js';
import type { Answer, Method } from './http-client.js';
import type { Action } from './service-errors.js';
import type { Session } from './session.js';
import { containerPath, objectPath } from './swift-names.js';

export interface ContainerOptions {
  /** X-Container-Read: `.r:*,.rlistings` lets anybody read and list. */
  readonly readAcl?: string;
}

export interface PutOptions {
  /** @default application/octet-stream */
  readonly contentType?: string;
  /** Such as X-Object-Meta-*. */
  readonly headers?: Readonly<Record<string, string>>;
  /** MD5 in hex that Swift must find. @default that of the bytes */
  readonly md5?: string;
  readonly signal?: AbortSignal;
}

export interface GetOptions {
  /** Bytes beyond which the object is refused. @default 64 MiB */
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

export interface ObjectFacts {
  /** Without quotes; the MD5 in hex, except of objects made of segments. */
  readonly etag: string;
  /** Bytes. */
  readonly size: number;
  readonly contentType: string;
  /** As HTTP writes dates. */
  readonly lastModified: string;
  /** X-Object-Meta-*, by the lower-case name after that prefix. */
  readonly meta: Readonly<Record<string, string>>;
}

export interface StoredObject extends ObjectFacts {
  readonly bytes: Buffer;
}

export interface ListedObject {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** MD5 in hex. */
  readonly hash: string;
  readonly contentType: string;
  /** ISO 8601, UTC. */
  readonly lastModified: string;
}

const OBJECT_LIMIT = 64 * 1024 * 1024;
const PAGE_SIZE = 1000;

const listingSchema = z.array(
  z.object({
    // Absent in the `subdir` rows that a delimiter would make.
    name: z.string(),
    bytes: z.number(),
    hash: z.string(),
    content_type: z.string().default(''),
    last_modified: z.string().default(''),
  }),
);

interface Request {
  readonly purpose: string;
  readonly action?: Action;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly expect?: readonly number[];
  readonly answerLimit?: number;
  readonly signal?: AbortSignal | undefined;
}

/** The object store (Swift's API v1, also Ceph's RGW) of one region. Names are checked: none leaves its container. */
export class Swift {
  readonly #session: Session;
  readonly #region: string | undefined;

  constructor(session: Session, region?: string) {
    this.#session = session;
    this.#region = region;
  }

  /** The account's URL, without trailing slash. */
  async accountUrl(choice?: EndpointInterface, signal?: AbortSignal): Promise<string> {
    await this.#session.catalogue(signal);
    return this.#session.endpoint('object-store', this.#region, choice).replace(/\/+$/, '');
  }

  /** Where anybody reaches an object (or a container) whose ACL allows it. */
  async publicUrl(container: string, name?: string): Promise<string> {
    const path = name === undefined ? containerPath(container) : objectPath(container, name);
    return `${await this.accountUrl('public')}${path}`;
  }

  /** Sees to it that a container is there with that ACL; one that is, is left as it is. */
  async ensureContainer(
    name: string,
    options: ContainerOptions = {},
    signal?: AbortSignal,
  ): Promise<'created' | 'updated' | 'unchanged'> {
    const state = await this.compareContainer(name, options, signal);
    if (state === 'same') return 'unchanged';
    const acl = options.readAcl;
    await this.#send('PUT', containerPath(name), {
      purpose: `create container ${name}`,
      ...(acl !== undefined && { headers: { 'x-container-read': acl } }),
      signal,
    });
    return state === 'missing' ? 'created' : 'updated';
  }

  /** Whether a container is there with that ACL. */
  async compareContainer(
    name: string,
    { readAcl }: ContainerOptions,
    signal?: AbortSignal,
  ): Promise<'missing' | 'differs' | 'same'> {
    const head = await this.#send('HEAD', containerPath(name), {
      purpose: `look at container ${name}`,
      expect: [200, 204, 404],
      signal,
    });
    if (head.status === 404) return 'missing';
    return readAcl === undefined || sameAcl(head.header('x-container-read'), readAcl) ? 'same' : 'differs';
  }

  /**
   * Writes an object; Swift compares the MD5 before it keeps it, and its answer is compared again.
   * @returns the ETag
   * @throws {ImageStreamError} EtagMismatch, NotFound where the container is missing, QuotaExceeded
   */
  async put(container: string, name: string, bytes: Uint8Array, options: PutOptions = {}): Promise<string> {
    const md5 = options.md5 ?? createHash('md5').update(bytes).digest('hex');
    const purpose = `write object ${container}/${name}`;
    const answer = await this.#send('PUT', objectPath(container, name), {
      purpose,
      action: 'object-write',
      body: bytes,
      headers: {
        ...options.headers,
        'content-type': options.contentType ?? 'application/octet-stream',
        etag: md5,
      },
      signal: options.signal,
    });
    const etag = unquoted(answer.header('etag'));
    if (etag !== md5)
      throw new ImageStreamError('EtagMismatch', `Swift answered ETag ${etag} and not ${md5} to ${purpose}`);
    return etag;
  }

  /**
   * Reads a whole object, undefined where there is none.
   * @throws {ImageStreamError} CloudError for one over the limit, EtagMismatch where the bytes are not those of its ETag
   */
  async get(container: string, name: string, options: GetOptions = {}): Promise<StoredObject | undefined> {
    const answer = await this.#send('GET', objectPath(container, name), {
      purpose: `read object ${container}/${name}`,
      expect: [200, 404],
      answerLimit: options.limit ?? OBJECT_LIMIT,
      signal: options.signal,
    });
    if (answer.status === 404) return undefined;
    const facts = factsOf(answer, answer.body.length);
    const segmented = answer.header('x-static-large-object') ?? answer.header('x-object-manifest');
    if (segmented === undefined && createHash('md5').update(answer.body).digest('hex') !== facts.etag) {
      throw new ImageStreamError(
        'EtagMismatch',
        `Swift sent other bytes than its ETag says for ${container}/${name}`,
      );
    }
    return { ...facts, bytes: answer.body };
  }

  /** What is known of an object without its bytes, undefined where there is none. */
  async head(container: string, name: string, signal?: AbortSignal): Promise<ObjectFacts | undefined> {
    const answer = await this.#send('HEAD', objectPath(container, name), {
      purpose: `look at object ${container}/${name}`,
      expect: [200, 204, 404],
      signal,
    });
    return answer.status === 404 ? undefined : factsOf(answer, Number(answer.header('content-length') ?? 0));
  }

  /** Deletes an object; one that is not there is fine. @returns whether it was there */
  async delete(container: string, name: string, signal?: AbortSignal): Promise<boolean> {
    const answer = await this.#send('DELETE', objectPath(container, name), {
      purpose: `delete object ${container}/${name}`,
      expect: [200, 204, 404],
      signal,
    });
    return answer.status !== 404;
  }

  /** Deletes an empty container; one that is not there is fine. @throws {ImageStreamError} Conflict where it is not empty */
  async deleteContainer(name: string, signal?: AbortSignal): Promise<void> {
    const path = containerPath(name);
    await this.#send('DELETE', path, {
      purpose: `delete container ${name}`,
      expect: [200, 204, 404],
      signal,
    });
  }

  /**
   * The objects of a container by name; pages are read as they are needed.
   * @throws {ImageStreamError} NotFound where there is no such container
   */
  async *list(
    container: string,
    options: { readonly prefix?: string; readonly pageSize?: number; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<ListedObject, void, undefined> {
    let marker = '';
    for (;;) {
      const query = new URLSearchParams({
        format: 'json',
        limit: String(options.pageSize ?? PAGE_SIZE),
        marker,
      });
      if (options.prefix !== undefined) query.set('prefix', options.prefix);
      const path = `${containerPath(container)}?${query.toString()}`;
      const answer = await this.#send('GET', path, {
        purpose: `list container ${container}`,
        signal: options.signal,
      });
      const page = answer.status === 204 ? [] : answer.json(listingSchema);
      for (const { name, bytes, hash, content_type, last_modified } of page) {
        yield { name, size: bytes, hash, contentType: content_type, lastModified: `${last_modified}Z` };
      }
      const last = page.at(-1)?.name;
      if (last === undefined || last === marker) return;
      marker = last;
    }
  }

  async #send(method: Method, path: string, request: Request): Promise<Answer> {
    const { action = 'object', ...rest } = request;
    const url = `${await this.accountUrl(undefined, request.signal)}${path}`;
    return this.#session.request({ ...rest, action, service: 'Swift', method, url });
  }
}

function factsOf(answer: Answer, size: number): ObjectFacts {
  return {
    etag: unquoted(answer.header('etag')),
    size,
    contentType: answer.header('content-type') ?? '',
    lastModified: answer.header('last-modified') ?? '',
    meta: answer.headersAfter('x-object-meta-'),
  };
}

function unquoted(etag: string | undefined): string {
  return (etag ?? '').replace(/^"|"$/g, '');
}

/** The order of an ACL's parts, and blanks between them, mean nothing. */
function sameAcl(have: string | undefined, want: string): boolean {
  const parts = (acl: string) =>
    acl
      .split(',')
      .map((part) => part.trim())
      .sort()
      .join();
  return have !== undefined && parts(have) === parts(want);
}
