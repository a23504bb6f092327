import { BlockList, isIP } from 'node:net';

/**
 * Whether NO_PROXY exempts a host: `*`, host names with their subdomains (a leading dot or `*.` changes nothing),
 * `host:port`, addresses and networks in CIDR form. Loopback is not exempt by itself.
 */
export function exemptFromProxy(url: URL, noProxy: string): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return noProxy
    .split(/[,\s]+/)
    .filter((entry) => entry !== '')
    .some((entry) => entry === '*' || matches(entry.toLowerCase(), host, port));
}

function matches(entry: string, host: string, port: string): boolean {
  const network = /^([\da-f.:]+)\/(\d{1,3})$/.exec(entry);
  if (network?.[1] && network[2]) return inNetwork(host, network[1], Number(network[2]));
  const withPort = /^\[?([^[\]]+?)\]?:(\d+)$/.exec(entry);
  // An IPv6 address without brackets has colons of its own.
  const [name, wantedPort] =
    withPort?.[1] && isIP(entry) === 0 ? [withPort[1], withPort[2]] : [entry, undefined];
  if (wantedPort !== undefined && wantedPort !== port) return false;
  const bare = name.replace(/^\*?\./, '').replace(/^\[|\]$/g, '');
  return host === bare || (isIP(host) === 0 && host.endsWith(`.${bare}`));
}

function inNetwork(host: string, address: string, prefix: number): boolean {
  const family = isIP(host);
  if (family === 0 || isIP(address) !== family || prefix > (family === 4 ? 32 : 128)) return false;
  const list = new BlockList();
  const type = family === 4 ? 'ipv4' : 'ipv6';
  list.addSubnet(address, prefix, type);
  return list.check(host, type);
}
