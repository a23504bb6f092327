import { Runtime, type Logger as TemporalLogger, type LogLevel } from '@temporalio/worker';
import { destination, pino, type Logger } from 'pino';

export interface LogOptions {
  /** A file, or standard error when absent. */
  file?: string;
  level: 'debug' | 'info' | 'warn' | 'error';
}

/** Keys under which a credential could stand, should one ever come near a log. */
const SECRET_KEYS = ['password', 'secret', 'token', 'authorization', 'x-auth-token', 'apiKey', 'passphrase'];

/** Structured logs of a worker: one JSON object a line. */
export function createLogger({ file, level }: LogOptions): Logger {
  return pino(
    {
      level,
      base: null,
      redact: { paths: SECRET_KEYS.flatMap((key) => [`["${key}"]`, `*["${key}"]`]), remove: true },
    },
    destination({
      dest: file ?? 2,
      sync: true,
      ...(file === undefined ? {} : { mode: 0o600, append: true }),
    }),
  );
}

const LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;

function asTemporalLogger(logger: Logger): TemporalLogger {
  const log = (level: LogLevel, message: string, meta?: object): void => {
    logger[LEVELS[level]](printable(meta), message);
  };
  return {
    log,
    trace: (message, meta) => log('TRACE', message, meta),
    debug: (message, meta) => log('DEBUG', message, meta),
    info: (message, meta) => log('INFO', message, meta),
    warn: (message, meta) => log('WARN', message, meta),
    error: (message, meta) => log('ERROR', message, meta),
  };
}

/** What of Temporal's facts is worth a line; errors by their message, without a stack. */
function printable(meta: object | undefined): object {
  const entries = Object.entries(meta ?? {}).map(([key, value]: [string, unknown]) => [
    key,
    value instanceof Error
      ? { name: value.name, message: value.message }
      : typeof value === 'bigint'
        ? Number(value)
        : value,
  ]);
  return Object.fromEntries(entries) as object;
}

/** Once in a process, before the first worker or native connection. */
export function installRuntime(logger: Logger, options: { ownSignals: boolean }): void {
  Runtime.install({
    logger: asTemporalLogger(logger),
    ...(options.ownSignals ? { shutdownSignals: [] } : {}),
    telemetryOptions: { logging: { filter: 'WARN', forward: {} } },
  });
}

/** For a process that installed the runtime and got no workers: a runtime without any keeps the process, and its signals, for ever. */
export async function endRuntime(): Promise<void> {
  await Runtime.instance().shutdown();
}
