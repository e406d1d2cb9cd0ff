/**
 * Texts as they are in a page's JSON. A character has one usual form: itself, or the escape that JSON.stringify makes.
 * So a content in which every character has its usual form contains a text exactly if its JSON contains the text's.
 */
import type { PageText } from './page-text.js';

/** `\/`, or `\u` of what has a shorter form. The backslashes before it are pairs: each stands for one. */
const UNUSUAL = /(?<!\\)(?:\\\\)*\\(?:\/|u(?!00(?:0[0-7bef]|1[0-9a-f])))/;

/** @returns whether a line's JSON may have a character in another form than its usual one */
export function hasUnusualEscape(json: string): boolean {
  return UNUSUAL.test(json);
}

/** Like {@link hasUnusualEscape}, for a page. Most pages need no more than two looks at their bytes. */
export function hasUnusualEscapes(page: PageText): boolean {
  return (page.raw.includes('\\u') || page.raw.includes('\\/')) && UNUSUAL.test(page.latin1);
}

/** @returns the text's usual form inside a JSON string */
export function usualForm(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
