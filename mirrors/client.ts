import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { EnvHttpProxyAgent } from 'undici';
import { ImageStreamError } from '../contracts/errors.js';
import { fetchHttpDocument } from './document.js';
import { localPath, openLocalRange, readLocalDocument } from './local-files.js';
import { openHttpRange } from './range.js';
import type { Connection } from './request.js';
import type { MirrorClient, MirrorClientOptions } from './types.js';

const LOOPBACK = 'localhost,127.0.0.1,[::1]';

/**
 * Opens nothing yet; `close` lets its idle connections go.
 * @throws {ImageStreamError} ConfigInvalid when the CA file cannot be read
 */
export function createMirrorClient(options: MirrorClientOptions = {}): MirrorClient {
  const { userAgent = 'image-stream', timeouts = {}, caFile, proxy = {} } = options;
  const { connectMs = 10_000, headersMs = 30_000, bodyMs = 30_000 } = timeouts;
  const { minimum = { bytes: 64 * 1024, windowMs: 60_000 } } = timeouts;
  const trust = caFile === undefined ? {} : { ca: [...rootCertificates, readCa(caFile)] };
  const connect = { ...trust, timeout: connectMs };
  const dispatcher = new EnvHttpProxyAgent({
    ...(proxy.http !== undefined && { httpProxy: proxy.http }),
    ...(proxy.https !== undefined && { httpsProxy: proxy.https }),
    noProxy: withoutProxy(proxy.none ?? process.env['no_proxy'] ?? process.env['NO_PROXY'] ?? ''),
    // Many proxies tunnel to port 443 alone.
    proxyTunnel: false,
    connect,
    requestTls: connect,
    proxyTls: connect,
    headersTimeout: headersMs,
    bodyTimeout: bodyMs,
  });
  const connection: Connection = { dispatcher, userAgent, minimum };
  return {
    async fetchDocument(url, request) {
      const path = localPath(url);
      return path === undefined
        ? fetchHttpDocument(connection, url, request)
        : readLocalDocument(path, request);
    },
    openRange(url) {
      const path = localPath(url);
      return path === undefined ? openHttpRange(connection, url) : openLocalRange(path);
    },
    // Not close(): that would wait for bodies that nobody reads any more.
    close: () => dispatcher.destroy(),
  };
}

function withoutProxy(names: string): string {
  return names.trim() === '*' ? '*' : [names, LOOPBACK].filter((part) => part !== '').join(',');
}

function readCa(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ImageStreamError('ConfigInvalid', `the CA file ${path} cannot be read`, { cause: error });
  }
}
