/** Ctrl-C and SIGTERM as a promise, so that a command can end in order; a second one ends it at once. */
export function whenInterrupted(): { signal: Promise<'interrupted'>; stop(): void } {
  let stop = (): void => undefined;
  const signal = new Promise<'interrupted'>((resolve) => {
    const first = () => {
      process.once('SIGINT', () => process.exit(130));
      resolve('interrupted');
    };
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, first);
    stop = () => {
      for (const name of ['SIGINT', 'SIGTERM'] as const) process.removeListener(name, first);
    };
  });
  return { signal, stop: () => stop() };
}
