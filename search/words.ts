/** The words of a line, as 32-bit hashes of their case-folded characters: what filters of pages are made of. */
import { afterEscape } from './escapes.js';
import { classOf, foldCharacter, RUN, SINGLE } from './characters.js';

const { imul } = Math; // looked up once: in hot loops it counts
const OFFSET_BASIS = 0x811c9dc5 | 0;
const PRIME = 0x01000193;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
/** Of each ASCII character in words the folded one; 0 for the others. */
const ASCII = Uint8Array.from({ length: 0x80 }, (_, code) => (classOf(code) === RUN ? foldCharacter(code) : 0));
/**
 * Words up to this length that have a digit are as many as gzip makes them cheap: parts of times and of UUIDs. A
 * filter that has no room for all words leaves these out.
 */
const SHORT_NUMBER_LENGTH = 4;

/**
 * @param hash of the folded word
 * @param start where it starts in the text, in UTF-16 units
 * @param isShortNumber whether it has at most four characters, one of them a digit
 */
export type VisitWord = (hash: number, isShortNumber: boolean, start: number, end: number) => void;

/** Visits the words of a text, in order. A lone half of a surrogate pair separates words. */
export function eachWord(text: string, visit: VisitWord): void {
  const { length } = text;
  let hash = OFFSET_BASIS;
  let characters = 0;
  let start = 0;
  let hasDigit = false;
  for (let at = 0, width: number; at <= length; at += width) {
    // a word also ends where the text does
    let code = at === length ? 0 : text.charCodeAt(at);
    width = 1;
    let inWord: number;
    let isSingle = false;
    if (code < 0x80) {
      inWord = ASCII[code] ?? 0;
    } else {
      code = text.codePointAt(at) ?? code;
      if (code > 0xffff) width = 2;
      const kind = classOf(code);
      isSingle = kind === SINGLE;
      inWord = kind === RUN ? foldCharacter(code) : 0;
    }
    if (inWord !== 0) {
      if (characters++ === 0) start = at;
      if (code >= DIGIT_0 && code <= DIGIT_9) hasDigit = true;
      hash = imul(hash ^ inWord, PRIME);
      continue;
    }
    if (characters > 0) {
      visit(hash, hasDigit && characters <= SHORT_NUMBER_LENGTH, start, at);
      hash = OFFSET_BASIS;
      characters = 0;
      hasDigit = false;
    }
    if (isSingle) visit(imul(OFFSET_BASIS ^ foldCharacter(code), PRIME), false, at, at + width);
  }
}

/**
 * Visits the words by which a text is found: those of {@link eachWord}, and what is left of one that starts with an
 * escape sequence.
 */
export function eachFindableWord(text: string, visit: VisitWord): void {
  eachWord(text, (hash, isShortNumber, start, end) => {
    visit(hash, isShortNumber, start, end);
    const rest = afterEscape(text, start);
    if (rest === undefined || rest >= end) return;
    eachWord(text.slice(rest, end), (hashOfRest, isShort) => {
      visit(hashOfRest, isShort, rest, end);
    });
  });
}

/** A word that a line must have to contain a text. */
export interface RequiredWord {
  hash: number;
  isShortNumber: boolean;
  length: number;
}

/**
 * @param isWhole the text begins and ends at borders of words; otherwise its first and last word may go on outside
 * @returns the words that every line has that contains the text, each once, the longest first
 */
export function requiredWords(text: string, { isWhole }: { isWhole: boolean }): RequiredWord[] {
  const words = new Map<number, RequiredWord>();
  if (!text.isWellFormed()) return []; // what half a pair is part of decides what a word is
  eachWord(text, (hash, isShortNumber, start, end) => {
    const first = text.codePointAt(start) ?? 0;
    const goesOn = classOf(first) === RUN && (start === 0 || end === text.length);
    if (isWhole || !goesOn) words.set(hash, { hash, isShortNumber, length: end - start });
  });
  return [...words.values()].sort((a, b) => b.length - a.length);
}
