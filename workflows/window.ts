import { isCancellation } from '@temporalio/workflow';

/**
 * Runs `step` for each item, at most `width` at once, in order of the list. A cancellation starts nothing more, waits for what
 * runs, and is thrown at the end; any other error of a step is a mistake of the caller.
 */
export async function slidingWindow<T>(
  items: T[],
  width: number,
  step: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const cancellations: Error[] = [];
  const runner = async (): Promise<void> => {
    while (next < items.length && cancellations.length === 0) {
      const item = items[next++]!;
      try {
        await step(item);
      } catch (error) {
        if (!(error instanceof Error) || !isCancellation(error)) throw error;
        cancellations.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, runner));
  const [cancelled] = cancellations;
  if (cancelled) throw cancelled;
}
