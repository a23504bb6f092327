import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const bundlePath = fileURLToPath(new URL('../workflow-bundle.js', import.meta.url));

/** The workflow code: the bundle made at build time, or the sources where image-stream runs from them (its own tests). */
export function workflowCode(): { workflowBundle: { codePath: string } } | { workflowsPath: string } {
  if (existsSync(bundlePath)) return { workflowBundle: { codePath: bundlePath } };
  const source = ['../workflows/index.js', '../workflows/index.ts']
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(path));
  return { workflowsPath: source ?? bundlePath };
}

let known: string | undefined;

/** Version and, after it, the digest of the workflow code: a run that began under another one may not replay under this. */
export function buildId(): string {
  known ??= `${version()}+${existsSync(bundlePath) ? digest(bundlePath) : 'source'}`;
  return known;
}

function digest(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 12);
}

export function version(): string {
  for (const path of ['../package.json', '../../package.json']) {
    const file = fileURLToPath(new URL(path, import.meta.url));
    if (!existsSync(file)) continue;
    const content: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof content === 'object' && content !== null && 'version' in content)
      return String(content.version);
  }
  return '0.0.0';
}
