/** Where a word can begin after an escape sequence, said in another way than the search does. */
const ENDS_ESCAPE = /(?:\\[nrtbf]|\\(?:[uU]001[bB]|[xX]1[bB]|033|[eE])\[[\d;:?]*[a-zA-Z])$/;

/** @param before what stands before the place, from the line's beginning */
export function endsWithEscape(before: string): boolean {
  return ENDS_ESCAPE.test(before.replaceAll('\u001b', '\\e'));
}

/** For generated texts: pieces that often make an escape sequence together, or nearly. */
export const ESCAPE_PIECES = ['\u001b', '\u001b[', '\\u001B[', '\\e[', '31m', ';1m', '[', ';', '1', 'm', 'n', '\\n'];
