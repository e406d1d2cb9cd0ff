/** Text that others wrote, on its way to a terminal: it must not move the cursor, hide, or change what is shown elsewhere. */
import { escapeOf, UNPRINTABLE } from '../../protocol/printable.js';

/** Colours and styles, which end with the line. */
// eslint-disable-next-line no-control-regex -- finding them is what it is for
const STYLES = /(\u001b\[[\d;:]*m)/;
const RESET = '\u001b[0m';
/** Characters that take up two columns: East Asian wide ones, and emoji. */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{10000}-\u{10ffff}]/u;
const NO_WIDTH = /\p{Mark}|\u200b|\u200d|\ufe0f/u;

/** @returns the text in one line, with every character visible that could do something to a terminal */
export function visible(text: string): string {
  return text.replace(UNPRINTABLE, escaped);
}

/** @returns a line of a log: tabs and colours stay, which are reset at its end */
export function safeLine(content: string): string {
  const line = content.replace(/\r$/, '');
  const parts = line.split(STYLES);
  if (parts.length === 1) return keepTabs(line);
  return parts.map((part, index) => (index % 2 === 1 ? part : keepTabs(part))).join('') + RESET;
}

/** @returns the text, cut to this many columns; `…` stands for the rest */
export function fit(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  let cut = '';
  let used = 0;
  for (const character of text) {
    used += columnsOf(character);
    if (used > columns - 1) break;
    cut += character;
  }
  return columns < 1 ? '' : `${cut}…`;
}

export function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text) columns += NO_WIDTH.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
  return columns;
}

function keepTabs(text: string): string {
  return text.replace(UNPRINTABLE, (character) => (character === '\t' ? character : escaped(character)));
}

function escaped(character: string): string {
  return { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[character] ?? escapeOf(character);
}
