/**
 * Makes text fit for a column that is searched or shown: PostgreSQL's text can contain neither U+0000 nor lone
 * surrogates, so they become U+FFFD. The json columns keep a node's description verbatim, with both as escapes.
 */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD');
}
