/** What tells images of one product apart: a slash in a version or an item makes no two of them equal. */
export function identity(version: string, item: string): string {
  return `${version.length}:${version}/${item}`;
}

export function groupBy<T>(values: readonly T[], keyOf: (value: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group) group.push(value);
    else groups.set(key, [value]);
  }
  return groups;
}
