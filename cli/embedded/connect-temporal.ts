import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';

import { ImageStreamError } from '../../contracts/errors.js';
import { configuredTemporal, type ConfiguredTemporal } from './configured.js';
import { holdServer } from './hold-server.js';
import { registerSearchAttributes } from './search-attributes.js';
import type { TemporalAccess, TemporalAccessOptions } from './temporal-access.js';

/** Milliseconds in which a server must answer. */
const ANSWER_LIMIT = 5000;

/** The embedded server's histories stay a month: `image-stream runs` is asked about last week, too. In seconds. */
const RETENTION = 30 * 86_400;

const NAMESPACE = 'default';

/**
 * A way to Temporal: the server that `TEMPORAL_*` or Temporal's configuration file name, else the embedded one of this state
 * folder, started if need be.
 * @throws {ImageStreamError} TemporalUnreachable, TemporalMissing, ConfigInvalid
 */
export async function connectTemporal(options: TemporalAccessOptions): Promise<TemporalAccess> {
  const named = options.embedded ? undefined : configuredTemporal(options.env ?? process.env);
  return named ? await reachNamed(named) : await reachEmbedded(options);
}

async function reachNamed({
  connectionOptions,
  address,
  namespace,
}: ConfiguredTemporal): Promise<TemporalAccess> {
  const connection = await answer(connectionOptions, address);
  await connection.close();
  return {
    connectionOptions,
    address,
    namespace,
    embedded: false,
    uiUrl: undefined,
    close: async () => undefined,
  };
}

async function reachEmbedded({ stateFolder, findCli }: TemporalAccessOptions): Promise<TemporalAccess> {
  const held = await holdServer(stateFolder, findCli);
  const address = `127.0.0.1:${held.ports.port}`;
  try {
    const connection = await answer({ address }, address);
    try {
      await prepare(connection);
    } finally {
      await connection.close();
    }
  } catch (error) {
    held.release();
    throw error;
  }
  return {
    connectionOptions: { address },
    address,
    namespace: NAMESPACE,
    embedded: true,
    uiUrl: `http://127.0.0.1:${held.ports.uiPort}`,
    close: async () => held.release(),
  };
}

async function answer(
  connectionOptions: ConfiguredTemporal['connectionOptions'],
  address: string,
): Promise<Connection> {
  const { apiKey, tls, metadata } = connectionOptions;
  try {
    return await Connection.connect({ address, apiKey, tls, metadata, connectTimeout: ANSWER_LIMIT });
  } catch (cause) {
    const refused = cause instanceof Error && 'code' in cause && (cause.code === 16 || cause.code === 7);
    const what = refused ? 'refuses the credentials it was given' : 'does not answer';
    throw new ImageStreamError('TemporalUnreachable', `The Temporal server at ${address} ${what}`, {
      details: { address },
      cause,
    });
  }
}

/** What a new database lacks. Another command may be doing the same at this moment, so a failure is tried again. */
async function prepare(connection: Connection): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await registerSearchAttributes(connection, NAMESPACE);
      await keepHistories(connection);
      return;
    } catch (cause) {
      if (attempt === 5) {
        throw new ImageStreamError(
          'TemporalUnreachable',
          'The embedded Temporal server could not be prepared',
          { cause },
        );
      }
      await sleep(200 * attempt);
    }
  }
}

async function keepHistories({ workflowService }: Connection): Promise<void> {
  const { config } = await workflowService.describeNamespace({ namespace: NAMESPACE });
  if (Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) === RETENTION) return;
  await workflowService.updateNamespace({
    namespace: NAMESPACE,
    config: { workflowExecutionRetentionTtl: msToTs(RETENTION * 1000) },
  });
}
