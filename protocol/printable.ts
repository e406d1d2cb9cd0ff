/** Text from nodes and their commands, as a terminal may show it: titles, names, commands and log lines are user data. */

/** What a terminal takes as a command, or what changes the order in which text is shown. */
export const UNPRINTABLE = /[\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** @returns the text in one line; what is unprintable becomes an escape like `\u001b` */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, escapeOf);
}

/** @param character one that {@link UNPRINTABLE} matches */
export function escapeOf(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** @returns the text in its lines, each as {@link printable} makes it. JSON stays the same JSON. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}
