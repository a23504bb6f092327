import { ImageStreamError } from '../contracts/errors.js';
import { createLogger, installRuntime } from '../workers/logging.js';
import type { Staging } from '../staging/index.js';
import { startWorkers } from '../workers/start.js';
import type { CommandContext, Connected } from './context.js';

/** A person waits for the end, and transfers lose no more than a second of bytes. */
const SHORT_GRACE = '1s';

/**
 * Does work while this process is the worker of the embedded server; its log goes to the state folder. The worker ends in order
 * when the work does. A staging folder that was opened before is used as it is.
 */
export async function withOwnWorker<T>(
  { io, options }: CommandContext,
  { access, configuration, logFile }: Connected,
  work: () => Promise<T>,
  staging?: Staging,
): Promise<T> {
  const logger = createLogger({ file: logFile, level: options.debug ? 'debug' : 'info' });
  installRuntime(logger, { ownSignals: true });
  const { connectionOptions, namespace } = access;
  const workers = await startWorkers({
    connectionOptions,
    namespace,
    configuration,
    logger,
    env: io.env,
    grace: SHORT_GRACE,
    ...(staging ? { staging } : {}),
  });
  const ended = workers.done.then(() => {
    throw new ImageStreamError('Internal', 'The worker of this command ended before its work did');
  });
  try {
    return await Promise.race([work(), ended]);
  } finally {
    workers.shutdown();
    await ended.catch(() => undefined);
  }
}
