import { Client, type Connection } from '@temporalio/client';
import type { Command } from 'commander';
import { join } from 'node:path';
import { loadConfiguration, stateFolder, type Configuration } from '../config/index.js';
import { connectTemporal } from './embedded/connect-temporal.js';
import { findTemporalCli } from './embedded/temporal-cli.js';
import type { TemporalAccess } from './embedded/temporal-access.js';
import { openClientConnection } from '../workers/client-connection.js';
import { processIo, type Io } from './io.js';

/** The options that every command has. */
export interface GlobalOptions {
  config?: string;
  output: 'text' | 'json';
  debug: boolean;
}

/** What a command is run with. */
export interface CommandContext {
  io: Io;
  options: GlobalOptions;
  json: boolean;
}

export function contextOf(command: Command): CommandContext {
  const options = command.optsWithGlobals<GlobalOptions>();
  return { io: processIo(), options, json: options.output === 'json' };
}

export async function configurationOf({ io, options }: CommandContext): Promise<Configuration> {
  return loadConfiguration({
    env: io.env,
    cwd: io.cwd,
    ...(options.config === undefined ? {} : { file: options.config }),
  });
}

/** A configuration with its Temporal server and a client. */
export interface Connected {
  configuration: Configuration;
  access: TemporalAccess;
  client: Client;
  connection: Connection;
  /** Folder of what belongs to this configuration on this machine; logs are there. */
  state: string;
  logFile: string;
  close(): Promise<void>;
}

/** @throws {ImageStreamError} ConfigMissing, ConfigInvalid, TemporalUnreachable, TemporalMissing */
export async function connected(context: CommandContext): Promise<Connected> {
  return connectedWith(context, await configurationOf(context));
}

/**
 * With a configuration that was not read from a file.
 * @throws {ImageStreamError} TemporalUnreachable, TemporalMissing
 */
export async function connectedWith(
  context: CommandContext,
  configuration: Configuration,
  { embedded = false } = {},
): Promise<Connected> {
  const state = stateFolder(configuration, context.io.env);
  const access = await connectTemporal({
    stateFolder: state,
    env: context.io.env,
    embedded,
    findCli: async () => (await findTemporalCli({ env: context.io.env })).path,
  });
  const { connection, close } = openClientConnection(access.connectionOptions);
  return {
    configuration,
    access,
    client: new Client({ connection, namespace: access.namespace }),
    connection,
    state,
    logFile: join(state, 'image-stream.log'),
    async close() {
      await close();
      await access.close();
    },
  };
}
