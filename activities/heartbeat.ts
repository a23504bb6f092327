import { Context } from '@temporalio/activity';

const EVERY_MS = 2_000;

/**
 * Beats on a timer while `work` runs, with what `details` says at that time, so that a stalled socket is still told of a
 * cancellation. The signal ends the work when the run is cancelled or the worker shuts down.
 */
export async function beating<T>(
  details: () => unknown,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const context = Context.current();
  context.heartbeat(details());
  const timer = setInterval(() => context.heartbeat(details()), EVERY_MS);
  try {
    return await work(context.cancellationSignal);
  } catch (error) {
    // The next attempt reads what this one said last.
    context.heartbeat(details());
    throw error;
  } finally {
    clearInterval(timer);
  }
}
