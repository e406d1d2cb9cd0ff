/**
 * Makes a regular expression for PostgreSQL that finds a text in upper or lower case. Unlike `ILIKE` it does not depend
 * on the database's locale, and nothing in the text has a meaning of its own.
 */
export function anyCase(text: string): string {
  return Array.from(text, (character) => `[${casesOf(character).map(escape).join('')}]`).join('');
}

function casesOf(character: string): string[] {
  const cases = new Set([character, character.toLowerCase(), character.toUpperCase()]);
  return [...cases].filter((other) => Array.from(other).length === 1);
}

/** As PostgreSQL's regular expressions write a code point in a set of characters. */
const escape = (character: string) => `\\U${(character.codePointAt(0) ?? 0).toString(16).padStart(8, '0')}`;
