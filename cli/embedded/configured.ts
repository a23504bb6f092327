import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { NativeConnectionOptions } from '@temporalio/worker';

import { ImageStreamError } from '../../contracts/errors.js';

/** A Temporal server that the user has named. */
export interface ConfiguredTemporal {
  connectionOptions: NativeConnectionOptions;
  address: string;
  namespace: string;
}

/**
 * The server of the `TEMPORAL_*` variables or of Temporal's own configuration file; undefined when neither says anything, which
 * is when the embedded server is used.
 * @throws {ImageStreamError} ConfigInvalid when they cannot be read
 */
export function configuredTemporal(env: NodeJS.ProcessEnv): ConfiguredTemporal | undefined {
  const { connectionOptions, namespace } = load(env);
  const { address, apiKey, tls, metadata } = connectionOptions;
  const said =
    [address, apiKey, tls, namespace].some((value) => value !== undefined) ||
    Object.keys(metadata ?? {}).length > 0;
  if (!said) return undefined;
  const named = address ?? 'localhost:7233';
  return {
    connectionOptions: { ...connectionOptions, address: named },
    address: named,
    namespace: namespace ?? 'default',
  };
}

function load(env: NodeJS.ProcessEnv) {
  // `TEMPORAL_ADDRESS=` in a shell means none, and the loader would take it for a name.
  const set = Object.entries(env).flatMap(([name, value]) => (value ? [[name, value] as const] : []));
  try {
    return loadClientConnectConfig({ overrideEnvVars: Object.fromEntries(set) });
  } catch (cause) {
    // The reason may quote the file, and with it an API key: only its kind is told.
    const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
    throw new ImageStreamError(
      'ConfigInvalid',
      `Temporal's configuration file or TEMPORAL_* variables cannot be read${code}`,
      {
        hint: 'Correct the TOML file, TEMPORAL_PROFILE or the certificate paths, or unset them to use the embedded server.',
        cause,
      },
    );
  }
}
