import { constants } from 'node:fs';
import { open, realpath, type FileHandle } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { isIP, type AddressInfo } from 'node:net';
import { join, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ImageStreamError } from '../contracts/errors.js';
import { planAnswer, type ServedFile } from './answer.js';

const READ_BYTES = 256 * 1024;

export interface RunningServer {
  /** With a slash at its end, such as `http://127.0.0.1:8080/`. */
  url: string;
  /** Ends open connections as well. */
  close(): Promise<void>;
}

/**
 * Serves the files below `root`, and nothing outside of it, over HTTP/1.1 with Range, If-Range and conditional requests.
 * @throws {ImageStreamError} Usage when the folder is not there or the address cannot be listened on
 */
export async function serveDirectory(root: string, host: string, port: number): Promise<RunningServer> {
  const real = await realpath(root).catch((error: unknown) => {
    throw new ImageStreamError('Usage', `there is no folder ${root}`, { cause: error });
  });
  return listen((request, response) => void answer(real, request, response), host, port);
}

/** Starts any handler; port 0 takes a free one. */
export async function listen(handler: RequestListener, host: string, port: number): Promise<RunningServer> {
  const server = createServer(handler);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      const message = `cannot listen on ${host}:${port}`;
      reject(new ImageStreamError('Usage', message, { hint: 'Name another address.', cause: error }));
    });
    server.listen(port, host, resolve);
  });
  const { port: taken } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://${isIP(host) === 6 ? `[${host}]` : host}:${taken}/`, close };
}

export interface OpenedFile {
  file: ServedFile;
  handle: FileHandle;
}

/**
 * Opens the file that a request's target names below `root`, which must be a real path. Undefined for everything that is
 * not a file inside of it, also by way of encoded dots or symbolic links.
 */
export async function openBelow(root: string, target: string): Promise<OpenedFile | undefined> {
  const segments = decodePath(target);
  if (!segments) return undefined;
  let handle: FileHandle | undefined;
  try {
    const path = await realpath(join(root, ...segments));
    if (!path.startsWith(root.endsWith(sep) ? root : root + sep)) return undefined;
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const facts = await handle.stat({ bigint: true });
    if (!facts.isFile()) {
      await handle.close();
      return undefined;
    }
    const etag = `"${facts.size.toString(16)}-${facts.mtimeNs.toString(16)}"`;
    const file = { path, size: Number(facts.size), modified: Number(facts.mtimeMs), etag };
    return { file, handle };
  } catch {
    // Missing, unreadable or too long a name: all the same to somebody outside.
    await handle?.close();
    return undefined;
  }
}

function decodePath(target: string): string[] | undefined {
  let path: string;
  try {
    path = decodeURIComponent(target.replace(/[?#].*$/s, ''));
  } catch {
    return undefined;
  }
  if (!path.startsWith('/') || path.includes('\0')) return undefined;
  const segments = path.slice(1).split('/');
  return segments.some((segment) => ['', '.', '..'].includes(segment)) ? undefined : segments;
}

async function answer(root: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD', 'content-length': 0 }).end();
    return;
  }
  const opened = await openBelow(root, request.url ?? '/');
  if (!opened) {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('not found\n');
    return;
  }
  const { file, handle } = opened;
  try {
    const { status, headers, start, end } = planAnswer(file, request.headers);
    response.writeHead(status, headers);
    if (request.method === 'HEAD' || end === start) {
      response.end();
      return;
    }
    // `end` of a stream is included.
    const body = handle.createReadStream({
      start,
      end: end - 1,
      autoClose: false,
      highWaterMark: READ_BYTES,
    });
    await pipeline(body, response);
  } catch {
    // The reader went away, or the file shrank: the connection ends short of its length, which the reader sees.
    response.destroy();
  } finally {
    await handle.close();
  }
}
