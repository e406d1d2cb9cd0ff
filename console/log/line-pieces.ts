/** A line's runs, cut where a match begins or ends, as the row shows them. */
import type { ByteRange } from './byte-ranges.js';
import type { Run } from './ansi/line-screen.js';
import type { Style } from './ansi/style.js';

export interface Piece {
  text: string;
  style: Style;
  isMatch: boolean;
}

/** @param matches ordered offsets in the content */
export function piecesOf(content: string, runs: readonly Run[], matches: readonly ByteRange[]): Piece[] {
  const pieces: Piece[] = [];
  for (const { from, to, blanks, style } of runs) {
    if (blanks > 0) pieces.push({ text: ' '.repeat(blanks), style, isMatch: false });
    let at = from;
    for (const [start, end] of matches) {
      const [first, last] = [Math.max(start, at), Math.min(end, to)];
      if (first >= last) continue;
      if (first > at) pieces.push({ text: content.slice(at, first), style, isMatch: false });
      pieces.push({ text: content.slice(first, last), style, isMatch: true });
      at = last;
    }
    if (to > at) pieces.push({ text: content.slice(at, to), style, isMatch: false });
  }
  return pieces;
}

/** @returns what a person copies: no escapes, and what a terminal would still show */
export function plainText(content: string, runs: readonly Run[]): string {
  return runs.map(({ from, to, blanks }) => (blanks > 0 ? ' '.repeat(blanks) : content.slice(from, to))).join('');
}
