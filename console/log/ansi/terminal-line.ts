/**
 * A line as a terminal would leave it: a progress bar that was written over itself shows its last state, and text has
 * the style that was in force, also from lines before.
 */
import { hasSequences, sequencesOf, type Sequence } from './control-sequence.js';
import { LineScreen, type Run } from './line-screen.js';
import { applySgr } from './sgr.js';
import type { Style } from './style.js';

export interface TerminalLine {
  runs: Run[];
  /** The style that the next line begins with. */
  exit: Style;
}

export function terminalLine(content: string, entry: Style): TerminalLine {
  if (!hasSequences(content)) return { runs: wholeRun(content, entry), exit: entry };
  const start = content.length > MAX_WRITTEN ? lastWritten(content) : 0;
  const style = start > 0 ? styleAfter(content.slice(0, start), entry) : entry;
  const sequences = [...sequencesOf(content, start)];
  const write = sequences.some(moves) ? overwritten : appended;
  return write(content, start, sequences, style);
}

/** What a terminal makes of more than this is one long task; a progress bar of hours has it. */
const MAX_WRITTEN = 64 * 1024;

/** @returns where the last part of a long line begins, at the return before it: that is written over the rest */
function lastWritten(content: string): number {
  const inTail = content.indexOf('\r', content.length - MAX_WRITTEN);
  return Math.max(0, inTail >= 0 ? inTail : content.lastIndexOf('\r'));
}

/** @returns the style after a line, without looking at its text */
export function styleAfter(content: string, entry: Style): Style {
  if (!content.includes('\x1b')) return entry;
  let style = entry;
  for (const { does, parameters } of sequencesOf(content)) if (does === 'm') style = sgr(style, parameters);
  return style;
}

/** Private sequences (`ESC [ > 4 m`) have nothing to do with style. */
const sgr = (style: Style, parameters: string): Style =>
  /^[<-?]/.test(parameters) ? style : applySgr(style, parameters);

const moves = ({ does }: Sequence): boolean => does !== '' && '\r\bCDGKPX'.includes(does);

function wholeRun(content: string, style: Style): Run[] {
  return content === '' ? [] : [{ from: 0, to: content.length, blanks: 0, style }];
}

function appended(content: string, start: number, sequences: readonly Sequence[], entry: Style): TerminalLine {
  const runs: Run[] = [];
  let style = entry;
  let from = start;
  for (const sequence of sequences) {
    if (sequence.from > from) runs.push({ from, to: sequence.from, blanks: 0, style });
    if (sequence.does === 'm') style = sgr(style, sequence.parameters);
    from = sequence.to;
  }
  if (content.length > from) runs.push({ from, to: content.length, blanks: 0, style });
  return { runs, exit: style };
}

/**
 * What a line may cost: in proportion to its length, so that no page full of lines is costly, with enough for a jump to the
 * right edge of a wide terminal. A progress bar needs two or three for each of its characters.
 */
const budgetOf = (length: number): number => Math.min(4096 + 16 * length, 1_000_000);

/** A line that would cost more than its budget is shown as if its cursor did not move: all of its text, in its order. */
function overwritten(content: string, start: number, sequences: readonly Sequence[], entry: Style): TerminalLine {
  const screen = new LineScreen(budgetOf(content.length - start));
  let style = entry;
  let from = start;
  for (const sequence of sequences) {
    screen.write(content, from, sequence.from, style);
    if (sequence.does === 'm') style = sgr(style, sequence.parameters);
    else screen.move(sequence);
    if (screen.isSpent) return appended(content, start, sequences, entry);
    from = sequence.to;
  }
  screen.write(content, from, content.length, style);
  return screen.isSpent ? appended(content, start, sequences, entry) : { runs: screen.runs(), exit: style };
}
