import os from 'node:os';
import path from 'node:path';
import { ImageStreamError } from '../contracts/errors.js';
import { printableUrl } from '../contracts/urls.js';
import { isMapping, type RawMapping } from './cloud-files.js';
import { readAuth, readScope } from './cloud-auth.js';
import type { CloudConfig, EndpointInterface, Proxies, TlsOptions } from './cloud-types.js';
import { Settings } from './cloud-settings.js';
import { Secret } from './secret.js';

export interface EntryContext {
  readonly name: string;
  readonly source: string;
  readonly env: NodeJS.ProcessEnv;
  readonly warnings: readonly string[];
}

/**
 * Turns one entry of clouds.yaml, or the OS_* variables in the same shape, into what a session needs. Old spellings
 * (tenant_name, endpoint_type, auth_plugin, keys with dashes) mean the same as in openstacksdk's loader.
 * @throws {ImageStreamError} CloudConfigInvalid, naming source, entry and key, never a value that may be secret
 */
export function readEntry(entry: RawMapping, context: EntryContext): CloudConfig {
  const warnings = [...context.warnings];
  const settings = new Settings(entry, `${context.source}, cloud ${context.name}`, (text) =>
    warnings.push(text),
  );
  const regions = readRegions(settings);
  const chosen = settings.text('region_name') ?? regions[0]?.name;
  const region = regions.find(({ name }) => name === chosen);
  if (region) settings.overlay(region.values);
  const authUrl = readUrl(settings, 'auth_url', settings.text('auth_url'));
  if (authUrl === undefined) throw settings.missing('auth_url');
  const scope = readScope(settings);
  return {
    name: context.name,
    source: context.source,
    authUrl,
    auth: readAuth(settings),
    ...(scope && { scope }),
    ...(chosen !== undefined && { regionName: chosen }),
    regions: regions.map(({ name }) => name),
    interface: readInterface(settings, 'interface') ?? 'public',
    serviceInterfaces: readServiceInterfaces(settings),
    endpointOverrides: readOverrides(settings),
    tls: readTls(settings),
    proxies: readProxies(context.env),
    warnings,
  };
}

interface RegionEntry {
  readonly name: string;
  readonly values: RawMapping;
}

function readRegions(settings: Settings): RegionEntry[] {
  const listed = settings.raw('regions');
  if (listed === undefined) {
    const named = settings.raw('region_name');
    return Array.isArray(named) ? regionsOf(settings, named) : [];
  }
  if (!Array.isArray(listed)) throw settings.invalid('regions', 'is not a list');
  return regionsOf(settings, listed);
}

function regionsOf(settings: Settings, list: readonly unknown[]): RegionEntry[] {
  return list.map((item) => {
    if (typeof item === 'string') return { name: item, values: {} };
    if (!isMapping(item) || typeof item.name !== 'string') {
      throw settings.invalid('regions', 'has an entry that is neither a name nor {name, values}');
    }
    return { name: item.name, values: isMapping(item.values) ? item.values : {} };
  });
}

/** A URL of the entry; `{region_name}` and other settings in braces are filled in, as openstacksdk does. */
function readUrl(settings: Settings, key: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const filled = text.replace(/\{(\w+)\}/g, (whole, name: string) => settings.text(name) ?? whole);
  let url: URL;
  try {
    url = new URL(filled);
  } catch {
    throw settings.invalid(key, 'is not a URL');
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw settings.invalid(key, 'is neither an http nor an https URL');
  }
  if (url.username || url.password) {
    throw settings.invalid(key, 'has a user or a password in it; give them by keys of their own');
  }
  return printableUrl(url).replace(/\/+$/, '');
}

const INTERFACES: Readonly<Record<string, EndpointInterface>> = {
  public: 'public',
  internal: 'internal',
  admin: 'admin',
  publicURL: 'public',
  internalURL: 'internal',
  adminURL: 'admin',
};

function readInterface(settings: Settings, key: string): EndpointInterface | undefined {
  const text = settings.text(key) ?? settings.text(key.replace(/interface$/, 'endpoint_type'));
  if (text === undefined) return undefined;
  const known = Object.hasOwn(INTERFACES, text) ? INTERFACES[text] : undefined;
  if (!known) throw settings.invalid(key, 'is none of public, internal and admin');
  return known;
}

/** Service types of ours, by the prefix that openstacksdk uses in keys such as `image_endpoint_override`. */
const SERVICES: Readonly<Record<string, string>> = {
  identity: 'identity',
  image: 'image',
  object_store: 'object-store',
  product_streams: 'product-streams',
  compute: 'compute',
};

function readServiceInterfaces(settings: Settings): Record<string, EndpointInterface> {
  const found: Record<string, EndpointInterface> = {};
  for (const [prefix, type] of Object.entries(SERVICES)) {
    const one = readInterface(settings, `${prefix}_interface`);
    if (one) found[type] = one;
  }
  return found;
}

function readOverrides(settings: Settings): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [prefix, type] of Object.entries(SERVICES)) {
    for (const key of [`${prefix}_endpoint_override`, `${prefix}_endpoint`]) {
      const url = readUrl(settings, key, settings.text(key));
      if (url !== undefined) found[type] ??= url;
    }
  }
  return found;
}

function readTls(settings: Settings): TlsOptions {
  const verify = !(settings.flag('insecure') ?? false) && (settings.flag('verify') ?? true);
  const caFile = filePath(settings.text('cacert'));
  const certFile = filePath(settings.text('cert'));
  const keyFile = filePath(settings.text('key'));
  if (!verify) settings.warn('certificates are not checked, because the configuration says so (insecure)');
  return { verify, ...(caFile && { caFile }), ...(certFile && { certFile }), ...(keyFile && { keyFile }) };
}

function filePath(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  return text === '~' || text.startsWith('~/') ? path.join(os.homedir(), text.slice(1)) : text;
}

function readProxies(env: NodeJS.ProcessEnv): Proxies {
  const http = proxyUrl(env, 'http_proxy');
  const https = proxyUrl(env, 'https_proxy');
  return { ...(http && { http }), ...(https && { https }), except: env.no_proxy ?? env.NO_PROXY ?? '' };
}

function proxyUrl(env: NodeJS.ProcessEnv, name: string): Secret | undefined {
  const text = env[name] || env[name.toUpperCase()] || env.all_proxy || env.ALL_PROXY;
  if (!text) return undefined;
  const url = text.includes('://') ? text : `http://${text}`;
  if (!URL.canParse(url) || !/^(https?|socks5?):$/.test(new URL(url).protocol)) {
    throw new ImageStreamError(
      'CloudConfigInvalid',
      `The environment variable ${name} (or its upper case) is no URL of a proxy`,
    );
  }
  return new Secret(url);
}
