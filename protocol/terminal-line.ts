/** A line that a recorded command printed, on its way to a terminal: it must not move the cursor, hide, or reach other lines. */
import { escapeOf, UNPRINTABLE } from './printable.js';

/** Colours and styles, and nothing else that a terminal obeys. */
// eslint-disable-next-line no-control-regex -- finding them is what it is for
const STYLES = /(\u001b\[[\d;:]*m)/;
const RESET = '\u001b[0m';

/** @returns the line, safe for a terminal; tabs and colours stay, which are reset at its end */
export function safeLine(content: string): string {
  const parts = content.replace(/\r$/, '').split(STYLES);
  if (parts.length === 1) return keepTabs(parts.join(''));
  return parts.map((part, index) => (index % 2 === 1 ? part : keepTabs(part))).join('') + RESET;
}

/** @returns the line, safe for a terminal and without colours */
export function plainLine(content: string): string {
  const line = content.replace(/\r$/, '').split(STYLES);
  return keepTabs(line.filter((_, index) => index % 2 === 0).join(''));
}

/** @returns the text in one line, with every character visible that could do something to a terminal */
export function visible(text: string): string {
  return text.replace(UNPRINTABLE, escaped);
}

function keepTabs(text: string): string {
  return text.replace(UNPRINTABLE, (character) => (character === '\t' ? character : escaped(character)));
}

function escaped(character: string): string {
  return { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[character] ?? escapeOf(character);
}
