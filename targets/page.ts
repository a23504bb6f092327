import type { OrderedItem } from './plan-types.js';

/** Most that the items of one page may weigh as text, so that a history's events stay small; failures and removals likewise. */
export const PAGE_BYTES = 120_000;

/** The first items, as many as a page may carry, and where the next page begins. */
export function cutPage(
  open: readonly OrderedItem[],
  pageSize: number,
): { page: OrderedItem[]; next: string } {
  const page: OrderedItem[] = [];
  let sum = 0;
  for (const entry of open) {
    sum += weight(entry.item);
    if (page.length > 0 && (page.length >= pageSize || sum > PAGE_BYTES)) {
      return { page, next: page.at(-1)!.order };
    }
    page.push(entry);
  }
  return { page, next: '' };
}

/** As many of the first values as a page may carry; the next page has those that follow. */
export function light<T>(values: readonly T[], most: number): T[] {
  let sum = 0;
  const end = values.findIndex((value, index) => {
    sum += weight(value);
    return index >= most || (index > 0 && sum > PAGE_BYTES);
  });
  return end < 0 ? [...values] : values.slice(0, end);
}

/** Bytes of a value as text. */
export function weight(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
