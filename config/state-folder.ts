import { createHash } from 'node:crypto';
import { join } from 'node:path';

import type { Configuration } from './configuration.js';
import { xdgFolder } from './locate.js';

/** Where the embedded Temporal server of this configuration keeps its history: one folder a configuration file. */
export function stateFolder(
  { file }: Pick<Configuration, 'file'>,
  env: NodeJS.ProcessEnv = process.env,
): string {
  const hash = createHash('sha256').update(file).digest('hex').slice(0, 12);
  return join(xdgFolder(env, 'XDG_STATE_HOME'), 'image-stream', hash);
}
