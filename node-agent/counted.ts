/** @returns the number with its noun, for example `1 attempt`, `2 attempts` */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
