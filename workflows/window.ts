import { CancelledFailure, isCancellation } from '@temporalio/workflow';

/**
 * Runs `step` for each item, at most `width` at once, in order of the list. A failed step never stops the others; a cancellation
 * starts nothing more, waits for what runs, and is thrown at the end.
 */
export async function slidingWindow<T>(
  items: T[],
  width: number,
  step: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  let cancelled: unknown;
  const runner = async (): Promise<void> => {
    while (next < items.length && cancelled === undefined) {
      const item = items[next++]!;
      try {
        await step(item);
      } catch (error) {
        if (!isCancellation(error)) throw error;
        cancelled = error ?? new CancelledFailure('cancelled');
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, runner));
  if (cancelled !== undefined) throw cancelled;
}
