import { printableUrl } from '../contracts/urls.js';
import type { CloudConfig, CloudDescription, KeystoneUser, Named } from './cloud-types.js';

const label = (named: Named): string => ('name' in named ? named.name : named.id);

/** A cloud without its secrets: the same for the same configuration, so it may go into digests and messages. */
export function describeCloud(config: CloudConfig): CloudDescription {
  const user = userOf(config);
  return {
    name: config.name,
    source: config.source,
    authUrl: printableUrl(config.authUrl),
    auth: config.auth.kind,
    ...(user && { user: label(user.user), userDomain: label(user.domain) }),
    ...(config.scope && { project: label(config.scope.project), projectDomain: label(config.scope.domain) }),
    ...(config.regionName !== undefined && { region: config.regionName }),
    interface: config.interface,
  };
}

function userOf({ auth }: CloudConfig): KeystoneUser | undefined {
  if (auth.kind === 'password') return auth;
  if (auth.kind === 'application-credential' && 'user' in auth.credential) return auth.credential;
  return undefined;
}
