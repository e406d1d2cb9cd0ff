/** The contents of lines as JSON has them between its quotes. */
/** What JSON.stringify escapes; a newline stands between two lines. */
// eslint-disable-next-line no-control-regex
const ESCAPED = /["\\\u0000-\u0009\u000b-\u001f]/;

/**
 * Gives the same bytes as JSON.stringify of each line, but looks at each line only if it has to.
 * @param text lines with newlines between them, each byte as one character
 */
export function jsonContents(text: string): string[] {
  if (!ESCAPED.test(text)) return text.split('\n');
  // where no backslash stands in the text, `\n` can only be a newline's escape
  if (!text.includes('\\')) return JSON.stringify(text).slice(1, -1).split('\\n');
  return text.split('\n').map((line) => JSON.stringify(line).slice(1, -1));
}
