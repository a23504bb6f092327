/** Whether this is `scripts/test --full`: the usual run takes a sample of each matrix. */
export const FULL = process.env.IMAGE_STREAM_FULL === '1';

/** The cases of a matrix that this run takes. */
export function cases<T extends { usual?: boolean }>(all: readonly T[]): T[] {
  return all.filter(({ usual }) => FULL || usual === true);
}

/** Milliseconds for one case: a loaded machine runs several side by side. */
export const CASE_MS = 900_000;
