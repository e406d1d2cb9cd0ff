/** Lines as plain text, as somebody copies them: without numbers and escapes, and what was printed in parts in one line. */
import { pasteable, placeInText } from '../ui/visible.js';
import { PLAIN } from './ansi/style.js';
import { terminalLine } from './ansi/terminal-line.js';
import type { LineReader } from './line-reader.js';
import { PAGE_LINES } from './line-reader.js';
import type { Line } from './line.js';
import { plainText } from './line-pieces.js';

/** A place in the log: a line, and a character in the text that is shown of it. */
export interface TextPlace {
  seq: number;
  offset: number;
}

/** More is a download. */
export const MAX_COPIED_LINES = 50_000;
const MAX_COPIED_CHARACTERS = 32 * 1024 * 1024;

export class TooMuchToCopyError extends Error {
  override readonly name = 'TooMuchToCopyError';
}

const textOf = ({ content }: Line): string => plainText(content, terminalLine(content, PLAIN).runs);

/**
 * What is marked where it is drawn is copied as it is: whoever pastes a line has the line.
 * @param to a character after the last one; offset Infinity for the whole line
 */
export function copiedText(lines: readonly Line[], from: TextPlace, to: TextPlace): string {
  let copied = '';
  for (const [index, line] of lines.entries()) {
    const text = textOf(line);
    const start = line.seq === from.seq ? placeInText(text, from.offset, 'before') : 0;
    const end = line.seq === to.seq ? placeInText(text, to.offset, 'after') : text.length;
    copied += pasteable(text.slice(start, end));
    const next = lines[index + 1];
    const goesOn = line.isPartial && next?.type === line.type;
    if (next && !goesOn) copied += '\n';
  }
  return copied;
}

/** @returns the lines first..last that the filter lets through, read from the hive @throws TooMuchToCopyError */
export async function readToCopy(
  reader: LineReader,
  first: number,
  last: number,
  signal: AbortSignal,
): Promise<Line[]> {
  if (last - first >= MAX_COPIED_LINES) throw tooMuch();
  const lines: Line[] = [];
  let characters = 0;
  for (let from = first; from <= last;) {
    const read = await reader.forward(from, Math.min(PAGE_LINES, last - from + 1), signal);
    const wanted = read.lines.filter(({ seq }) => seq <= last);
    lines.push(...wanted);
    characters += wanted.reduce((sum, { content }) => sum + content.length, 0);
    if (characters > MAX_COPIED_CHARACTERS) throw tooMuch();
    if (read.to < from) break;
    from = read.to + 1;
  }
  return lines;
}

const tooMuch = () => new TooMuchToCopyError('that is too much to copy; download the log');
