// Bundles the workflows as a worker of this very SDK release wants them; run after tsc. Not when nothing has changed since:
// tsc leaves a file as it is where it would write the same.
import { readdir, rename, stat, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const dist = new URL('../dist/', import.meta.url);
const bundle = new URL('workflow-bundle.js', dist);

async function changedAt(url) {
  return (await stat(url)).mtimeMs;
}

async function newestInput() {
  const folders = ['workflows/', 'contracts/'].map((name) => new URL(name, dist));
  const files = await Promise.all(
    folders.map(async (folder) => (await readdir(folder)).map((name) => new URL(name, folder))),
  );
  const own = [new URL('../package-lock.json', import.meta.url), new URL(import.meta.url)];
  return Math.max(...(await Promise.all([...files.flat(), ...own].map(changedAt))));
}

if ((await changedAt(bundle).catch(() => 0)) <= (await newestInput())) {
  const { bundleWorkflowCode, DefaultLogger } = await import('@temporalio/worker');
  const workflowsPath = fileURLToPath(new URL('workflows/index.js', dist));
  const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') });
  // A worker that starts meanwhile reads the old bundle or the new one, never half of it.
  await writeFile(new URL('workflow-bundle.js.new', dist), code);
  await rename(new URL('workflow-bundle.js.new', dist), bundle);
}
