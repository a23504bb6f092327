import type { Command } from 'commander';
import { createLogger, installRuntime } from '../workers/logging.js';
import { startWorkers } from '../workers/start.js';
import { connected, contextOf } from './context.js';
import { checkSearchAttributes } from './embedded/search-attributes.js';

export function registerWorker(program: Command): void {
  program
    .command('worker')
    .description('run workflows and activities until SIGTERM; structured logs go to standard error')
    .option('--log-level <level>', 'debug, info, warn or error', 'info')
    .action(async (options: { logLevel: 'debug' | 'info' | 'warn' | 'error' }, command: Command) => {
      const logger = createLogger({ level: options.logLevel });
      const connection = await connected(contextOf(command));
      try {
        const { access, configuration } = connection;
        await connection.connection.ensureConnected();
        await checkSearchAttributes(connection.connection, access.namespace);
        if (access.embedded) {
          logger.warn(
            'no Temporal server is configured (TEMPORAL_ADDRESS): this worker serves the embedded one of this machine',
          );
        }
        // Not earlier: it holds the process until its workers end, so a refusal above would never return.
        installRuntime(logger, { ownSignals: false });
        const workers = await startWorkers({
          connectionOptions: access.connectionOptions,
          namespace: access.namespace,
          configuration,
          logger,
        });
        logger.info(
          { address: access.address, namespace: access.namespace, staging: workers.stagingId },
          'worker is ready',
        );
        await workers.done;
        logger.info('worker has ended');
      } finally {
        await connection.close();
      }
    });
}
