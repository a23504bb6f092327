import { appendFileSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The checkout, from wherever below it this code was compiled to. */
export const REPOSITORY = ((): string => {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
})();

/** The variable by which every process of a run is known; its value is the run's folder. */
export const MARK = 'IMAGE_STREAM_CHAOS';

export const REGION = 'RegionOne';

/** What a run tells as it goes: on standard output and in the folder's chaos.log. */
export class Journal {
  readonly #started = Date.now();

  constructor(readonly folder: string) {}

  log(name: string): string {
    return join(this.folder, `${name}.log`);
  }

  say(line: string): void {
    const seconds = ((Date.now() - this.#started) / 1000).toFixed(1).padStart(6);
    this.print(`${seconds}  ${line}`);
  }

  print(line: string): void {
    process.stdout.write(`${line}\n`);
    appendFileSync(this.log('chaos'), `${line}\n`);
  }
}

/** Asks until the answer is true. @throws after `seconds`, naming what was waited for */
export async function until(what: string, seconds: number, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited ${seconds} s in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
