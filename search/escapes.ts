/**
 * Escape sequences before words. Their last character is a letter, and so one with the word that follows: a terminal
 * prints `ESC[31merror` as a red `error`, and what an agent prints as JSON has `\nerror` at the beginning of a line.
 */

const BACKSLASH = 0x5c;
const BRACKET = 0x5b;
const ESCAPE = 0x1b;
/** What stands before the last number of a sequence that sets a colour. */
const BEFORE_NUMBER = new Set(Array.from('[;:?', (character) => character.charCodeAt(0)));
/** After a backslash, in JSON and most languages. */
const OF_BACKSLASH = new Set(Array.from('nrtbf', (character) => character.charCodeAt(0)));
/** How ESC is written in texts. */
const WRITTEN = ['\\u001b', '\\x1b', '\\033', '\\e'];

/**
 * @param start where a word starts
 * @returns where what follows an escape sequence starts in that word; undefined if the word starts with none
 */
export function afterEscape(text: string, start: number): number | undefined {
  const before = text.charCodeAt(start - 1);
  if (before === BACKSLASH) return OF_BACKSLASH.has(text.charCodeAt(start)) ? start + 1 : undefined;
  if (!BEFORE_NUMBER.has(before)) return undefined;
  let letter = start;
  while (isDigit(text.charCodeAt(letter))) letter++;
  return isLetter(text.charCodeAt(letter)) && hasIntroducer(text, start) ? letter + 1 : undefined;
}

/** @returns whether a word goes on here after an escape sequence that it starts with */
export function isAfterEscape(text: string, at: number): boolean {
  if (!isLetter(text.charCodeAt(at - 1))) return false;
  let start = at - 1;
  while (isDigit(text.charCodeAt(start - 1))) start--;
  return afterEscape(text, start) === at;
}

/** @returns whether before the place are only numbers, and before these what begins a control sequence */
function hasIntroducer(text: string, place: number): boolean {
  let bracket = place - 1;
  while (text.charCodeAt(bracket) !== BRACKET) {
    const code = text.charCodeAt(bracket);
    if (!isDigit(code) && !BEFORE_NUMBER.has(code)) return false;
    bracket--;
  }
  if (text.charCodeAt(bracket - 1) === ESCAPE) return true;
  const written = text.slice(Math.max(0, bracket - 6), bracket).toLowerCase();
  return WRITTEN.some((name) => written.endsWith(name));
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isLetter(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
}
