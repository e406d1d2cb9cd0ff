/**
 * Text for a column that is searched or shown. PostgreSQL's text holds neither U+0000 nor lone surrogates; they become
 * U+FFFD. What a node describes is kept verbatim in a json column, which holds both as escapes.
 */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD');
}
