import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DIGEST_ALGORITHMS } from '../../staging/digest.js';
import { parseEntry } from '../../staging/layout.js';

export interface StagingFindings {
  broken: string[];
  /** Bytes of all files, and how many unfinished ones are there. */
  bytes: number;
  parts: number;
}

/** What is wrong in a staging folder when nothing runs: unfinished copies of what is finished, strange files, too many bytes. */
export async function examineStaging(root: string, budget: number): Promise<StagingFindings> {
  const findings: StagingFindings = { broken: [], bytes: 0, parts: 0 };
  for (const algorithm of DIGEST_ALGORITHMS) {
    const folder = join(root, algorithm);
    const names = await readdir(folder).catch(() => []);
    const whole = new Set(names.filter((name) => parseEntry(name)?.kind === 'whole'));
    for (const name of names) {
      const entry = parseEntry(name);
      findings.bytes += (await stat(join(folder, name))).size;
      if (!entry) {
        findings.broken.push(`${join(folder, name)} is no file of staging`);
        continue;
      }
      if (entry.kind === 'part') findings.parts += 1;
      const unfinished = ['part', 'partFacts'].includes(entry.kind) && whole.has(entry.hex);
      if (unfinished) findings.broken.push(`${join(folder, name)} is left of a finished file`);
    }
  }
  if (findings.bytes > budget) findings.broken.push(`${root} holds ${findings.bytes} bytes of ${budget}`);
  return findings;
}
