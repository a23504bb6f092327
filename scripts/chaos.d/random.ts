/** Numbers that look random and are the same for the same seed. */
export interface Random {
  /** From 0 to below 1. */
  next: () => number;
  /** A whole number from 0 to below `count`. */
  below: (count: number) => number;
  /** From `low` to `high`. */
  between: (low: number, high: number) => number;
  pick: <T>(values: readonly T[]) => T;
}

/** Mulberry32: small, and good enough to choose victims. Streams of one seed keep apart by name. */
export function seeded(seed: number, stream = ''): Random {
  let state = seed >>> 0;
  for (const char of stream) state = (Math.imul(state ^ char.charCodeAt(0), 0x01000193) + 1) >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (count: number): number => Math.floor(next() * count);
  return {
    next,
    below,
    between: (low, high) => low + next() * (high - low),
    pick: (values) => {
      const value = values[below(values.length)];
      if (value === undefined) throw new Error('nothing to pick from');
      return value;
    },
  };
}
