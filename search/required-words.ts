import type { SearchQuery } from './search-query.js';
import { requiredWords, type RequiredWord } from './words.js';

/**
 * @returns words that every line has that the query matches, in any case, the longest first. None does not mean that
 * there are none.
 */
export function requiredWordsOf({ q, regex, words }: SearchQuery): RequiredWord[] {
  if (!regex) return requiredWords(q, { isWhole: words });
  const found = new Map<number, RequiredWord>();
  for (const text of requiredTexts(q)) {
    for (const word of requiredWords(text, { isWhole: false })) found.set(word.hash, word);
  }
  return [...found.values()].sort((a, b) => b.length - a.length);
}

/** After a backslash: one character of a class, or a place. */
const CLASS_OR_PLACE = /^[dDsSwWbBAznrtfva]$/;
const LETTER_OR_DIGIT = /^[a-zA-Z0-9]$/;

/**
 * Of a regular expression without groups, classes in brackets, counts and alternatives, it is plain to see which texts a
 * match contains.
 */
function requiredTexts(pattern: string): string[] {
  if (/[()[\]{}|]/.test(pattern)) return [];
  const texts: string[] = [];
  let text: string[] = [];
  const end = () => {
    texts.push(text.join(''));
    text = [];
  };
  const characters = Array.from(pattern);
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? '';
    if (character === '*' || character === '?') {
      text.pop();
      end();
    } else if ('+.^$'.includes(character)) end();
    else if (character !== '\\') text.push(character);
    else {
      const escaped = characters[++at] ?? '';
      if (CLASS_OR_PLACE.test(escaped)) end();
      else if (LETTER_OR_DIGIT.test(escaped)) return [];
      else text.push(escaped);
    }
  }
  end();
  return texts;
}
