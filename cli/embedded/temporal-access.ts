import type { NativeConnectionOptions } from '@temporalio/worker';

/** A way to a Temporal server, held until `close`. */
export interface TemporalAccess {
  /** Given to `Connection.connect` (client) and `NativeConnection.connect` (worker); may hold an API key or TLS keys. */
  connectionOptions: NativeConnectionOptions;
  /** `host:port`, for messages. */
  address: string;
  namespace: string;
  /** Whether the server is the one of this configuration's state folder. */
  embedded: boolean;
  /** Where the embedded server shows its web UI. */
  uiUrl: string | undefined;
  /** Gives up the hold: the embedded server ends a few seconds after its last user. */
  close(): Promise<void>;
}

export interface TemporalAccessOptions {
  /** The configuration's state folder; the embedded server keeps its history there. */
  stateFolder: string;
  env?: NodeJS.ProcessEnv;
  /** The embedded server even where another one is named: for work that only this machine can do. */
  embedded?: boolean;
  /** Finds the `temporal` command when an embedded server is needed. @throws ImageStreamError TemporalMissing */
  findCli: () => Promise<string>;
}
