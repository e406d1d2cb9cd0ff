/**
 * What is a word in a line: a run of letters, digits and marks. In scripts that put no spaces between words, each
 * character is a word of its own. What is searched for as a word begins and ends at borders of words.
 */

/** A character that is part of no word; a lone half of a surrogate pair, too. */
export const SEPARATOR = 1;
/** A letter, digit or mark: with its neighbours of this class it makes a word. */
export const RUN = 2;
/** A word of its own. */
export const SINGLE = 3;

export type CharacterClass = typeof SEPARATOR | typeof RUN | typeof SINGLE;

const IN_WORDS = /^[\p{L}\p{N}\p{M}]$/u;
const WITHOUT_SPACES = [
  ...['Han', 'Hiragana', 'Katakana', 'Bopomofo', 'Yi', 'Thai', 'Lao', 'Khmer', 'Myanmar'],
  ...['Tai_Le', 'New_Tai_Lue', 'Tai_Tham', 'Tai_Viet', 'Ahom', 'Javanese', 'Balinese'],
];
const ofScripts = WITHOUT_SPACES.map((script) => `\\p{Script=${script}}`).join('');
// letters that several of them share, like the Japanese long vowel
const SHARED = '[\\p{scx=Han}\\p{scx=Hiragana}\\p{scx=Katakana}]';
const ALONE = new RegExp(`^(?:[${ofScripts}]|(?=\\p{L})${SHARED})$`, 'u');

const CODE_POINTS = 0x11_0000;
/** Classes that have been looked up; 0 for the others. */
const classes = new Uint8Array(CODE_POINTS);

export function classOf(codePoint: number): CharacterClass {
  const known = classes[codePoint];
  return (known === 0 ? (classes[codePoint] = findClass(codePoint)) : known) as CharacterClass;
}

function findClass(codePoint: number): CharacterClass {
  const character = String.fromCodePoint(codePoint);
  if (!IN_WORDS.test(character)) return SEPARATOR;
  return ALONE.test(character) ? SINGLE : RUN;
}

/**
 * @param before the code point before the place; undefined at the line's beginning
 * @param after the code point after it; undefined at the line's end
 * @returns whether no word spans the place
 */
export function isWordBorder(before: number | undefined, after: number | undefined): boolean {
  return before === undefined || after === undefined || classOf(before) !== RUN || classOf(after) !== RUN;
}

/** Pairs that Unicode's simple case folding makes equal, though neither is the other's upper or lower case. */
const EQUAL_WITHOUT_CASE = new Map([
  [0x1fd3, 0x0390],
  [0x1fe3, 0x03b0],
  [0xfb05, 0xfb06],
]);

const folded = new Map<number, number>();

/**
 * @returns a code point that is the same for all that Unicode's simple case folding (C and S) makes equal. For a few it
 * is the same although that does not make them equal: the dotless i is folded like the i.
 */
export function foldCharacter(codePoint: number): number {
  if (codePoint < 0x80) return codePoint >= 0x41 && codePoint <= 0x5a ? codePoint | 0x20 : codePoint;
  let known = folded.get(codePoint);
  if (known === undefined) {
    const upper = convert(codePoint, (text) => text.toUpperCase());
    const lower = convert(upper, (text) => text.toLowerCase());
    known = EQUAL_WITHOUT_CASE.get(lower) ?? lower;
    folded.set(codePoint, known);
  }
  return known;
}

/** @returns the code point itself if it becomes several */
function convert(codePoint: number, change: (text: string) => string): number {
  const changed = change(String.fromCodePoint(codePoint));
  const first = changed.codePointAt(0) ?? codePoint;
  return String.fromCodePoint(first).length === changed.length ? first : codePoint;
}
