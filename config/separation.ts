import { parseFilter, type ItemFilter } from '../simplestreams/filters.js';

/** Keys that are an item's identity: two items that differ in one of them are never the same image. */
const IDENTITY = new Set(['product_name', 'version_name', 'item_name']);

/** Whether two lists of filters are the same, in whatever order. */
export function sameFilters(one: readonly string[], other: readonly string[]): boolean {
  return [...new Set(one)].sort().join('\n') === [...new Set(other)].sort().join('\n');
}

/**
 * Whether two lists of filters can be seen to let no item through in common. True is certain; false only means that it cannot be
 * told from the filters. Between different sources only identity counts: there two items of one identity may differ in the rest.
 */
export function separated(
  one: readonly string[],
  other: readonly string[],
  sources: 'same' | 'different',
): boolean {
  const theirs = other.map(parseFilter);
  return one
    .map(parseFilter)
    .filter(({ key }) => sources === 'same' || IDENTITY.has(key))
    .some((mine) => theirs.some((their) => their.key === mine.key && contradict(mine, their)));
}

function contradict(a: ItemFilter, b: ItemFilter): boolean {
  if (a.operator === '=') return !b.passes(a.value);
  if (b.operator === '=') return !a.passes(b.value);
  const opposite = (a.operator === '~' && b.operator === '!~') || (a.operator === '!~' && b.operator === '~');
  return opposite && a.value === b.value;
}
