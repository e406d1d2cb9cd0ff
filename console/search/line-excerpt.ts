/** What is shown of a line that matches: its text without the terminal's sequences, around the first match. */
import { toStringRanges } from '../log/byte-ranges.js';
import { PLAIN } from '../log/ansi/style.js';
import { terminalLine } from '../log/ansi/terminal-line.js';
import { piecesOf } from '../log/line-pieces.js';
import { visible } from '../ui/visible.js';

export interface ExcerptPiece {
  text: string;
  isMatch: boolean;
}

/** Enough for two rows on a wide page. */
const LONGEST = 300;
/** What stands before the first match. */
const BEFORE = 60;

/** @param ranges as the hive gives them, in bytes */
export function excerptOf(content: string, ranges: readonly (readonly [number, number])[]): ExcerptPiece[] {
  const { runs } = terminalLine(content, PLAIN);
  const pieces = piecesOf(content, runs, toStringRanges(content, ranges));
  const matchAt = lengthBefore(pieces, (piece) => piece.isMatch);
  const from = matchAt <= BEFORE ? 0 : matchAt - BEFORE;
  const shown = cut(pieces, from, from + LONGEST);
  const whole = lengthBefore(pieces, () => false);
  return [
    ...(from > 0 ? [{ text: '…', isMatch: false }] : []),
    ...shown.map(({ text, isMatch }) => ({ text: visible(text), isMatch })),
    ...(from + LONGEST < whole ? [{ text: '…', isMatch: false }] : []),
  ];
}

/** @returns how long the text is before the first piece that `isIt`; the whole text if none is */
function lengthBefore(pieces: readonly ExcerptPiece[], isIt: (piece: ExcerptPiece) => boolean): number {
  const at = pieces.findIndex(isIt);
  return (at < 0 ? pieces : pieces.slice(0, at)).reduce((sum, { text }) => sum + text.length, 0);
}

/** Half of a surrogate pair at an edge is left out. */
function cut(pieces: readonly ExcerptPiece[], from: number, to: number): ExcerptPiece[] {
  const kept: ExcerptPiece[] = [];
  let at = 0;
  for (const { text, isMatch } of pieces) {
    const part = text.slice(Math.max(0, from - at), Math.max(0, to - at));
    at += text.length;
    if (part !== '') kept.push({ text: part.replace(/^[\udc00-\udfff]|[\ud800-\udbff]$/g, ''), isMatch });
  }
  return kept;
}
