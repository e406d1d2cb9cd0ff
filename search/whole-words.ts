import { isWordBorder } from './characters.js';
import { isAfterEscape } from './escapes.js';

/**
 * @returns whether the text at [from, to) begins and ends at borders of words, or begins after an escape sequence; if
 * that is not asked for, true
 */
export function isWhole(content: string, from: number, to: number, words: boolean): boolean {
  return !words || (isBorder(content, to) && (isBorder(content, from) || isAfterEscape(content, from)));
}

function isBorder(content: string, at: number): boolean {
  return isWordBorder(codePointBefore(content, at), content.codePointAt(at));
}

function codePointBefore(content: string, at: number): number | undefined {
  if (at === 0) return undefined;
  const pair = at > 1 ? (content.codePointAt(at - 2) ?? 0) : 0;
  return pair > 0xffff ? pair : content.charCodeAt(at - 1);
}
