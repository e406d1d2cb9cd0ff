/** Finds the control sequences in a line: those that style or move, and those that a log viewer must not follow. */

/**
 * In this order: CSI (`ESC [ parameters letter`); strings up to their end (OSC: titles and links; DCS, SOS, PM, APC), or
 * up to the end of the line if nothing ends them; any other escape; CR, backspace and bell. The 8-bit forms are not
 * read: in UTF-8 text, they are other programs' mistakes, and shown as such.
 */
const SEQUENCE =
  // eslint-disable-next-line no-control-regex -- these are what it is about
  /\x1b\[([\x30-\x3f]*)([\x20-\x2f]*)([\x40-\x7e])|\x1b[\]PX^_](?:[^\x07\x1b]|\x1b(?!\\))*(?:\x07|\x1b\\|$)|\x1b[\x20-\x2f]*[\x30-\x7e]?|[\r\b\x07]/g;

export interface Sequence {
  /** Where it is in the text. */
  from: number;
  to: number;
  /** The last letter of a CSI sequence; `\r` or `\b`; empty for what is dropped. */
  does: string;
  /** What stands between `ESC [` and the letter. */
  parameters: string;
}

// eslint-disable-next-line no-control-regex -- these are what it is about
const ANY = /[\x1b\r\b\x07]/;

/** @returns whether a text has control sequences at all: most have none */
export const hasSequences = (text: string): boolean => ANY.test(text);

export function* sequencesOf(text: string, start = 0): Generator<Sequence> {
  SEQUENCE.lastIndex = start; // where matchAll begins
  for (const match of text.matchAll(SEQUENCE)) {
    const [whole, parameters = '', intermediates = '', letter = ''] = match;
    const isControl = whole === '\r' || whole === '\b';
    const does = isControl ? whole : intermediates === '' ? letter : '';
    yield { from: match.index, to: match.index + whole.length, does, parameters };
  }
}
