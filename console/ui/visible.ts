/**
 * Text from nodes is data whatever it holds. Control characters are shown as their pictures, and characters that reorder
 * or hide text, or that nobody would see, as their code points, so that what is read is what is there.
 */

/** Most text has nothing to look at. */
const PLAIN = /^[\t -~]*$/;

/** People and flags that are made of several characters: the joiners and selectors in them hide nothing. */
const EMOJI =
  /[0-9#*]\ufe0f\u20e3|\p{Extended_Pictographic}[\ufe0e\ufe0f]?\p{Emoji_Modifier}?(?:\u200d\p{Extended_Pictographic}\ufe0f?\p{Emoji_Modifier}?)*/u;

/** What Unicode says has no look of its own; signs that enclose digits (of Arabic and others) are seen although they format. */
const HIDDEN =
  /(?![\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd}])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

const EMOJI_OR_HIDDEN = new RegExp(`(${EMOJI.source})|\\t|${HIDDEN.source}`, 'gu');

export function visible(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replace(EMOJI_OR_HIDDEN, mark);
}

function mark(found: string, emoji: string | undefined): string {
  if (emoji !== undefined || found === '\t') return found;
  const code = found.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  return code === 0x7f ? '\u2421' : `\u27e8U+${code.toString(16).toUpperCase().padStart(4, '0')}\u27e9`;
}

/**
 * @param shown a place in what {@link visible} makes of the text
 * @param inMark which side of a character is meant by a place inside of its mark
 * @returns the place in the text itself
 */
export function placeInText(text: string, shown: number, inMark: 'before' | 'after'): number {
  let [at, shownAt] = [0, 0];
  for (const { 0: found, 1: emoji, index } of PLAIN.test(text) ? [] : text.matchAll(EMOJI_OR_HIDDEN)) {
    const start = shownAt + index - at;
    const marked = mark(found, emoji);
    if (shown < start + marked.length) {
      if (shown <= start || marked === found) break;
      return inMark === 'before' ? index : index + found.length;
    }
    [at, shownAt] = [index + found.length, start + marked.length];
  }
  return Math.min(text.length, at + shown - shownAt);
}

/**
 * @returns the text as it may be pasted: its very characters, but for control characters, which a terminal would obey.
 * Its tabs and newlines stay.
 */
export const pasteable = (text: string): string =>
  text.replace(/\r\n/g, '\n').replace(/(?![\t\n])\p{Cc}/gu, (found) => mark(found, undefined));

/** @returns the text with what is hidden in it made visible; its newlines stay */
export const visibleLines = (text: string): string => text.split(/\r?\n/).map(visible).join('\n');
