/** How many columns of a terminal a text takes, and how to cut it to fit. */
import stringWidth from 'string-width';

/** Most text is this, of which each character takes one column. */
const PLAIN = /^[\x20-\x7e]*$/;
const characters = new Intl.Segmenter();

export function widthOf(text: string): number {
  return PLAIN.test(text) ? text.length : stringWidth(text);
}

/** @returns the text, cut to this many columns; `…` stands for the rest */
export function fit(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  if (columns < 1) return '';
  let cut = '';
  let used = 0;
  for (const { segment } of characters.segment(text)) {
    used += widthOf(segment);
    if (used > columns - 1) break;
    cut += segment;
  }
  return `${cut}…`;
}
