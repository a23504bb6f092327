import { Command } from 'commander';
import type { Io } from '../../../cli/io.js';

/** A command line whose output is kept. */
export function capture(cwd: string, env: NodeJS.ProcessEnv = {}): Io & { stdout: string; stderr: string } {
  return {
    stdout: '',
    stderr: '',
    out(text) {
      this.stdout += text;
    },
    err(text) {
      this.stderr += text;
    },
    terminal: false,
    columns: 80,
    env,
    cwd,
  };
}

/** Runs words as the command would, with the commands that `register` adds. */
export async function run(words: string[], register: (program: Command) => void): Promise<void> {
  const program = new Command('image-stream').option('--output <format>', '', 'text').exitOverride();
  register(program);
  await program.parseAsync(words, { from: 'user' });
}
