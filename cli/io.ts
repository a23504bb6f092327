/** Where a command reads and writes; tests give their own. */
export interface Io {
  out(text: string): void;
  err(text: string): void;
  /** Whether standard error is a terminal, where progress may be redrawn. */
  readonly terminal: boolean;
  readonly columns: number;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
}

export function processIo(): Io {
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    terminal: process.stderr.isTTY === true && process.env.TERM !== 'dumb',
    columns: process.stderr.columns ?? 80,
    env: process.env,
    cwd: process.cwd(),
  };
}
