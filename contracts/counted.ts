/** A count with its noun: 1 image, 2 images. Every noun in use takes an s. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
