// Bundles the workflows as a worker of this very SDK release wants them; run after tsc.
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { rename, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const dist = new URL('../dist/', import.meta.url);
const workflowsPath = fileURLToPath(new URL('workflows/index.js', dist));
const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') });
// A worker that starts meanwhile reads the old bundle or the new one, never half of it.
await writeFile(new URL('workflow-bundle.js.new', dist), code);
await rename(new URL('workflow-bundle.js.new', dist), new URL('workflow-bundle.js', dist));
