import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { EnvHttpProxyAgent } from 'undici';
import { ImageStreamError } from '../contracts/errors.js';
import { printableUrl } from '../contracts/urls.js';
import { fetchHttpDocument } from './document.js';
import { localPath, openLocalRange, readLocalDocument } from './local-files.js';
import { openHttpRange } from './range.js';
import type { Connection } from './request.js';
import type { MirrorClient, MirrorClientOptions } from './types.js';

const LOOPBACK = 'localhost,127.0.0.1,[::1]';

/**
 * Opens nothing yet; `close` lets its idle connections go.
 * @throws {ImageStreamError} ConfigInvalid when the CA file cannot be read or a proxy is no URL
 */
export function createMirrorClient(options: MirrorClientOptions = {}): MirrorClient {
  const { userAgent = 'image-stream', timeouts = {}, caFile, proxy = {} } = options;
  const { connectMs = 10_000, headersMs = 30_000, bodyMs = 30_000 } = timeouts;
  const { minimum = { bytes: 64 * 1024, windowMs: 60_000 } } = timeouts;
  const trust = caFile === undefined ? {} : { ca: [...rootCertificates, readCa(caFile)] };
  const connect = { ...trust, timeout: connectMs };
  const dispatcher = new EnvHttpProxyAgent({
    httpProxy: proxyUrl(proxy.http ?? process.env['http_proxy'] ?? process.env['HTTP_PROXY']),
    httpsProxy: proxyUrl(proxy.https ?? process.env['https_proxy'] ?? process.env['HTTPS_PROXY']),
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

// Other tools take a bare `host:port` as well. The empty text says none, and keeps undici from looking itself.
function proxyUrl(text = ''): string {
  if (text === '') return '';
  const url = text.includes('://') ? text : `http://${text}`;
  if (URL.canParse(url)) return url;
  throw new ImageStreamError('ConfigInvalid', `the proxy ${printableUrl(url)} is no URL`, {
    hint: 'Correct HTTP_PROXY and HTTPS_PROXY.',
  });
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
