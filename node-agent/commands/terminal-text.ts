/** Text that others wrote, on its way to a terminal: it must not move the cursor, hide, or change what is shown elsewhere. */

/** All of C0, DEL and C1, and what turns or joins the direction of text. */
const UNSAFE = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;
/** Colours and styles, which end with the line. */
// eslint-disable-next-line no-control-regex -- finding them is what it is for
const STYLE = /\u001b\[[\d;:]*m/;
const RESET = '\u001b[0m';
/** Characters that take up two columns: East Asian wide ones, and emoji. */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{10000}-\u{10ffff}]/u;
const NO_WIDTH = /\p{Mark}|\u200b|\u200d|\ufe0f/u;

/** @returns the text in one line, with every character visible that could do something to a terminal */
export function visible(text: string): string {
  return text.replace(UNSAFE, escaped);
}

/** @returns a line of a log: tabs and colours stay, which are reset at its end */
export function safeLine(content: string): string {
  const line = content.replace(/\r$/, '');
  const parts = line.split(new RegExp(`(${STYLE.source})`));
  if (parts.length === 1) return keepTabs(line);
  return parts.map((part, index) => (index % 2 === 1 ? part : keepTabs(part))).join('') + RESET;
}

/** @returns the same JSON, without the control characters that JSON allows in strings */
export function safeJson(json: string): string {
  return json.replace(UNSAFE, (character) => `\\u${hex(character, 4)}`);
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
  return text.replace(UNSAFE, (character) => (character === '\t' ? character : escaped(character)));
}

function escaped(character: string): string {
  return { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[character] ?? `\\u${hex(character, 4)}`;
}

function hex(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).padStart(digits, '0');
}
