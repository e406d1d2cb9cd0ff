/** What the filters in the database are asked about the words of a search. */
import { equationOf, SEEDS } from './ribbon.js';
import type { RequiredWord } from './words.js';

/** More words would exclude hardly any further page. */
const MAX_PROBES = 6;

/** A word's equation for each seed that a filter can have. */
export interface Probe {
  isShortNumber: boolean;
  starts: number[];
  /** 64 bits each, the first slot's first. */
  coefficients: string[];
  prints: number[];
}

/** @param words the longest first */
export function probesOf(words: readonly RequiredWord[]): Probe[] {
  return words.slice(0, MAX_PROBES).map(({ hash, isShortNumber }) => {
    const equations = Array.from({ length: SEEDS }, (_, seed) => equationOf(hash, seed));
    return {
      isShortNumber,
      starts: equations.map(({ start }) => start),
      coefficients: equations.map(({ low, high }) => bitsOf(low) + bitsOf(high)),
      prints: equations.map(({ print }) => print),
    };
  });
}

/** @returns the 32 bits, the lowest first */
function bitsOf(word: number): string {
  return Array.from({ length: 32 }, (_, bit) => (word >>> bit) & 1).join('');
}
