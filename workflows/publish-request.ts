import type { PublishRequest } from '../contracts/workflows.js';

/** Characters: it is written into an index that every client reads. */
const LONGEST_MARK = 65_536;

/**
 * A signal as a request to publish, undefined for anything else: whoever reaches the Temporal server can send a signal, and one that
 * throws would hold up the writer, and with it everybody who waits for it.
 */
export function publishRequestOf(signal: unknown): PublishRequest | undefined {
  if (!isRecord(signal) || !isRecord(signal.run) || !isRecord(signal.target)) return undefined;
  const { run, target } = signal;
  if (!isRecord(target.fingerprint)) return undefined;
  const [id, mirror, configurationDigest, cloud, region, authUrl, projectId] = [
    signal.id,
    run.mirror,
    run.configurationDigest,
    target.cloud,
    target.region,
    target.fingerprint.authUrl,
    target.fingerprint.projectId,
  ];
  if (!isText(id) || !isText(mirror) || !isText(configurationDigest)) return undefined;
  if (!isText(cloud) || !isText(region) || !isText(authUrl) || !isText(projectId)) return undefined;
  return {
    id,
    run: { mirror, configurationDigest },
    target: { cloud, region, fingerprint: { authUrl, projectId } },
    ...(isText(signal.mark) && signal.mark.length <= LONGEST_MARK ? { mark: signal.mark } : {}),
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
