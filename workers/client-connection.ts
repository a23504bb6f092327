import { Connection, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';
import type { NativeConnectionOptions } from '@temporalio/worker';

/** A connection for a client, made when first used, and the way to end it with what is still asked of it. */
export interface ClientConnection {
  connection: Connection;
  /** Calls that are open fail; the SDK would try them again on the closed channel, which throws where nobody can catch it. */
  close: () => Promise<void>;
}

export function openClientConnection(options: NativeConnectionOptions): ClientConnection {
  const { address, tls, apiKey, metadata } = options;
  const usual = defaultGrpcRetryOptions();
  let closed = false;
  const retry = makeGrpcRetryInterceptor({
    ...usual,
    retryableDecider: (attempt, status) => !closed && usual.retryableDecider(attempt, status),
  });
  const connection = Connection.lazy({
    ...(address === undefined ? {} : { address }),
    tls: tls ?? null,
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(metadata === undefined ? {} : { metadata }),
    interceptors: [retry],
  });
  return {
    connection,
    async close() {
      closed = true;
      await connection.close();
    },
  };
}
