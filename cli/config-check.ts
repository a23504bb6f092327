import type { Command } from 'commander';
import { checkConfiguration, type CloudSettings, type Configuration } from '../config/index.js';
import { describeCloud, loadCloud, type CloudDescription } from '../openstack/index.js';
import { configurationOf, contextOf, type CommandContext } from './context.js';
import { printable } from './format.js';
import { errorReport, type ErrorReport } from './report-error.js';

interface CheckedCloud {
  cloud: string;
  /** The clouds.yaml entry it is, without secrets. */
  entry?: CloudDescription;
  warnings: string[];
  error?: ErrorReport;
}

export function registerConfigCheck(config: Command): void {
  config
    .command('check')
    .description('say what the configuration means, without asking any server')
    .action(async (_options: unknown, command: Command) => {
      await configCheck(contextOf(command));
    });
}

/** @throws {ImageStreamError} what is wrong with the file, or with the entry of the first cloud that has a fault */
async function configCheck(context: CommandContext): Promise<void> {
  const { io, json } = context;
  const configuration = await configurationOf(context);
  const { meaning, warnings } = checkConfiguration(configuration);
  const checked = await Promise.all(configuration.clouds.map((cloud) => checkCloud(cloud, io.env, io.cwd)));
  const clouds = checked.map(({ facts }) => facts);
  const all = [
    ...warnings,
    ...clouds.flatMap((cloud) => cloud.warnings.map((text) => `${cloud.cloud}: ${text}`)),
  ];
  const { file } = configuration;
  if (json) io.out(`${JSON.stringify({ file, meaning, warnings: all, clouds }, null, 2)}\n`);
  else io.out(renderCheck(configuration, meaning, all, clouds));
  const fault = checked.find(({ fault }) => fault !== undefined);
  if (fault) throw fault.fault;
}

async function checkCloud(
  { name }: CloudSettings,
  env: NodeJS.ProcessEnv,
  cwd: string,
): Promise<{ facts: CheckedCloud; fault?: unknown }> {
  try {
    const config = await loadCloud(name, { env, cwd });
    return { facts: { cloud: name, entry: describeCloud(config), warnings: [...config.warnings] } };
  } catch (fault) {
    return { facts: { cloud: name, warnings: [], error: errorReport(fault) }, fault };
  }
}

function renderCheck(
  { file }: Pick<Configuration, 'file'>,
  meaning: readonly string[],
  warnings: readonly string[],
  clouds: readonly CheckedCloud[],
): string {
  const lines = [
    `${file}`,
    '',
    ...meaning,
    '',
    ...clouds.map(({ cloud, entry }) => `${cloud} is ${entry ? entryText(entry) : 'not known here.'}`),
    ...warnings.map((text) => `warning: ${text}`),
  ];
  return lines.map((line) => `${printable(line)}\n`).join('');
}

function entryText(entry: CloudDescription): string {
  const { source, name, authUrl, auth, user, project, region } = entry;
  const from = source === 'environment' ? 'the OS_* environment' : `the entry ${name} of ${source}`;
  const who = user === undefined ? `by ${auth}` : `as ${user} (${auth})`;
  const where = project === undefined ? '' : `, project ${project}`;
  return `${from}: ${authUrl} ${who}${where}${region === undefined ? '' : `, region ${region}`}.`;
}
