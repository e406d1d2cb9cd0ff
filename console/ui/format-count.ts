const GROUPED = new Intl.NumberFormat('en');

/** @returns the number with its thousands apart: 4,001 */
export const formatCount = (count: number): string => GROUPED.format(count);

/** @returns the number with its noun: 1 line, 2,000 lines */
export function countOf(count: number, noun: string, nouns = `${noun}s`): string {
  return `${formatCount(count)} ${count === 1 ? noun : nouns}`;
}
