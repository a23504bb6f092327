import { createReadStream } from 'node:fs';
import { realpath } from 'node:fs/promises';
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { createGzip } from 'node:zlib';
import { planAnswer, type PlannedAnswer, type ServedFile } from '../../mirrors/answer.js';
import { listen, openBelow, type RunningServer } from '../../mirrors/serve-directory.js';

/** What goes wrong with one answer. `after` counts bytes of that answer's body. */
export type Fault =
  | { kind: 'status'; status: number; headers?: OutgoingHttpHeaders; body?: string }
  | { kind: 'reset' | 'stall' | 'truncate' | 'short'; after: number }
  /** Bytes too many, without a Content-Length that would tell. */
  | { kind: 'longer'; extra: number }
  | { kind: 'wrong-bytes' }
  /** Another version of the file: If-Range with the true ETag no longer matches. */
  | { kind: 'etag'; etag: string }
  | { kind: 'no-range' | 'gzip' | 'no-validator' }
  | { kind: 'content-range'; value: string }
  | { kind: 'redirect'; location: string; status?: number }
  | { kind: 'drip'; bytes: number; everyMs: number }
  | { kind: 'throttle'; bytesPerSecond: number };

export interface LoggedRequest {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  status: number;
  /** Body bytes handed to the connection. */
  bytes: number;
}

const PIECE = 64 * 1024;

/** A real HTTP mirror over a folder that counts, logs and misbehaves when told. */
export class MirrorServer {
  readonly requests: LoggedRequest[] = [];
  readonly #root: string;
  readonly #once = new Map<string, Fault[]>();
  readonly #always = new Map<string, Fault>();
  readonly #usual: Fault | undefined;
  #running: RunningServer | undefined;

  private constructor(root: string, usual: Fault | undefined) {
    this.#root = root;
    this.#usual = usual;
  }

  /** Port 0 takes a free one; name one to start a killed mirror again at its address. `usual` is the fault of every path without one. */
  static async start(root: string, port = 0, usual?: Fault): Promise<MirrorServer> {
    const server = new MirrorServer(await realpath(root), usual);
    const handler = (request: IncomingMessage, response: ServerResponse) =>
      void server.#answer(request, response).catch(() => response.destroy());
    server.#running = await listen(handler, '127.0.0.1', port);
    return server;
  }

  get url(): string {
    if (!this.#running) throw new Error('the mirror is closed');
    return this.#running.url;
  }

  /** The faults of the next requests for `path` (no leading slash), one each; then it behaves. */
  fault(path: string, ...faults: Fault[]): void {
    this.#once.set(path, [...(this.#once.get(path) ?? []), ...faults]);
  }

  /** The fault of every request for `path` from now on. */
  faultAlways(path: string, fault: Fault): void {
    this.#always.set(path, fault);
  }

  clearFaults(): void {
    this.#once.clear();
    this.#always.clear();
  }

  /** Body bytes sent for `path`, or for everything. */
  bytes(path?: string): number {
    return this.to(path).reduce((sum, request) => sum + request.bytes, 0);
  }

  to(path?: string): LoggedRequest[] {
    return this.requests.filter((request) => path === undefined || request.path === path);
  }

  async close(): Promise<void> {
    await this.#running?.close();
    this.#running = undefined;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = request.url ?? '/';
    const path = decodeURIComponent(target.replace(/[?#].*$/s, '').slice(1));
    const { method = 'GET', headers } = request;
    const log: LoggedRequest = { method, path, headers, status: 0, bytes: 0 };
    this.requests.push(log);
    const fault = this.#once.get(path)?.shift() ?? this.#always.get(path) ?? this.#usual;

    if (fault?.kind === 'status' || fault?.kind === 'redirect') {
      log.status = fault.status ?? 302;
      const extra = fault.kind === 'redirect' ? { location: fault.location } : (fault.headers ?? {});
      response.writeHead(log.status, extra).end(fault.kind === 'status' ? fault.body : undefined);
      return;
    }
    const opened = await openBelow(this.#root, target);
    await opened?.handle.close();
    if (!opened) {
      log.status = 404;
      response.writeHead(404).end('not found\n');
      return;
    }
    const planned = plan(opened.file, headers, fault);
    log.status = planned.status;
    response.writeHead(planned.status, planned.headers);
    if (method === 'HEAD' || planned.start === planned.end) {
      response.end();
      return;
    }
    await send(response, bodyOf(opened.file, planned, fault), log, fault);
  }
}

function plan(file: ServedFile, headers: IncomingHttpHeaders, fault: Fault | undefined): PlannedAnswer {
  const asked = fault?.kind === 'no-range' ? { ...headers, range: undefined } : headers;
  const served = fault?.kind === 'etag' ? { ...file, etag: fault.etag } : file;
  const planned = planAnswer(served, asked);
  const { headers: answer } = planned;
  if (fault?.kind === 'no-range') delete answer['accept-ranges'];
  if (fault?.kind === 'no-validator') {
    delete answer.etag;
    delete answer['last-modified'];
  }
  if (fault?.kind === 'gzip') answer['content-encoding'] = 'gzip';
  if (fault?.kind === 'content-range' && planned.status === 206) answer['content-range'] = fault.value;
  if (fault?.kind === 'longer' || fault?.kind === 'short' || fault?.kind === 'gzip') {
    delete answer['content-length'];
  }
  return planned;
}

function bodyOf(file: ServedFile, { start, end }: PlannedAnswer, fault: Fault | undefined): Readable {
  const body = createReadStream(file.path, { start, end: end - 1, highWaterMark: PIECE });
  return fault?.kind === 'gzip' ? body.pipe(createGzip()) : body;
}

async function send(
  response: ServerResponse,
  body: Readable,
  log: LoggedRequest,
  fault: Fault | undefined,
): Promise<void> {
  const stopAt = fault && 'after' in fault ? fault.after : Infinity;
  for await (const read of body as AsyncIterable<Buffer>) {
    const piece = read.subarray(0, Math.max(0, stopAt - log.bytes));
    for (const part of pieces(piece, fault)) {
      if (response.destroyed) return;
      await write(response, fault?.kind === 'wrong-bytes' ? part.map((byte) => byte ^ 0xff) : part, log);
      if (fault?.kind === 'drip') await delay(fault.everyMs);
      if (fault?.kind === 'throttle') await delay((part.length / fault.bytesPerSecond) * 1000);
    }
    if (log.bytes >= stopAt) break;
  }
  if (fault?.kind === 'longer') await write(response, Buffer.alloc(fault.extra), log);
  if (fault?.kind === 'reset') {
    // A reset throws away what the reader's kernel holds; this lets the reader take it first.
    await delay(50);
    response.socket?.resetAndDestroy();
  }
  if (fault?.kind === 'truncate') response.socket?.end();
  else if (fault?.kind !== 'stall' && fault?.kind !== 'reset') response.end();
}

function pieces(read: Buffer, fault: Fault | undefined): Buffer[] {
  const size = fault?.kind === 'drip' ? fault.bytes : fault?.kind === 'throttle' ? 16 * 1024 : read.length;
  const parts: Buffer[] = [];
  for (let at = 0; at < read.length; at += size) parts.push(read.subarray(at, at + size));
  return parts;
}

// Waits until the kernel took it, so that the count is close to what the wire saw.
async function write(response: ServerResponse, piece: Uint8Array, log: LoggedRequest): Promise<void> {
  log.bytes += piece.byteLength;
  await new Promise<void>((resolve) => {
    const done = () => {
      response.off('close', done);
      resolve();
    };
    response.once('close', done);
    response.write(piece, done);
  });
}
