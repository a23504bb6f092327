import { appendFile } from 'node:fs/promises';

/**
 * Notes a measured line for docs/reliability.md in the file that IMAGE_STREAM_FIGURES names, where it is set; times are of the machine
 * that ran the test, and no test depends on them.
 */
export async function noteFigure(figure: Record<string, string | number>): Promise<void> {
  const file = process.env.IMAGE_STREAM_FIGURES;
  if (file) await appendFile(file, `${JSON.stringify(figure)}\n`);
}

/** Seconds since `start` (milliseconds of Date.now), with one decimal. */
export function secondsSince(start: number): number {
  return Math.round((Date.now() - start) / 100) / 10;
}
