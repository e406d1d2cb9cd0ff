/** Money, tokens and times as people write them. Undefined stays undefined: what is not known is not shown. */
import { countOf, formatCount } from '../ui/format-count.js';
import { formatDuration } from '../ui/format-time.js';
import { list, number } from './event.js';

export const money = (usd: unknown): string | undefined => {
  const amount = number(usd);
  if (amount === undefined) return undefined;
  return amount > 0 && amount < 0.01 ? `$${amount.toFixed(4)}` : `$${amount.toFixed(2)}`;
};

export const took = (ms: unknown): string | undefined => {
  const length = number(ms);
  return length === undefined ? undefined : formatDuration(length);
};

export const turns = (count: unknown): string | undefined => {
  const known = number(count);
  return known === undefined ? undefined : countOf(known, 'turn');
};

/** @returns tokens that went in and came out, for example `36,010 in, 420 out` */
export function tokens(input: readonly unknown[], output: readonly unknown[]): string | undefined {
  const [into, out] = [sum(input), sum(output)];
  if (into === undefined && out === undefined) return undefined;
  return `${into === undefined ? '?' : formatCount(into)} in, ${out === undefined ? '?' : formatCount(out)} out`;
}

function sum(values: readonly unknown[]): number | undefined {
  const known = values.map(number).filter((value) => value !== undefined);
  return known.length === 0 ? undefined : known.reduce((total, value) => total + value, 0);
}

/** @returns how many there are of what a session can use: `14 tools` */
export const size = (values: unknown, noun: string): string | undefined =>
  Array.isArray(values) && values.length > 0 ? countOf(list(values).length, noun) : undefined;
