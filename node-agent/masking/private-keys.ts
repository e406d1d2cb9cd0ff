/** Private keys in PEM form: the one secret that stands over many lines. */
import type { Range } from './ranges.js';

const NAME = 'privatekey';
const LABEL = '[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----';
/** What follows the first line within the same line, as in JSON, where newlines are escaped. */
const BODY = String.raw`(?:\\+[nr]|[A-Za-z0-9+/=:, ]|-(?!-))*`;
const KEY = new RegExp(`-----BEGIN ${LABEL}${BODY}(?:-----END ${LABEL})?`, 'g');
const END = new RegExp(`-----END ${LABEL}`);
/** A line within a key: base64, or one of a key's headers. Anything else shows that it was no key. */
const KEY_LINE = /^[ \t]*(?:[A-Za-z0-9+/=]*|[A-Za-z-]{1,20}: [^\r\n]{0,80})[ \t\r]*$/;
/** The longest key, in lines: an RSA key of 16,384 bits has 200. */
const MAX_LINES = 400;

/**
 * Finds keys from line to line: newlines stay, so that the log keeps its lines. A text that only mentions the first line
 * of a key (source code) loses nothing else.
 */
export class PrivateKeys {
  /** Lines that may still belong to the key that has begun; 0: in none. */
  #linesLeft = 0;

  /** Whether the line that comes next may belong to a key. */
  get isInKey(): boolean {
    return this.#linesLeft > 0;
  }

  /**
   * @param text with a character for each byte; begins at a line's start if a key has begun
   * @param through up to where the caller takes the text: what comes after it is found again by the next call
   * @returns in order; the last one may go beyond `through`
   */
  find(text: string, through: number): Range[] {
    if (!this.isInKey && !text.includes('PRIVATE KEY')) return [];
    const ranges: Range[] = [];
    for (let at = 0; at < through;) {
      at = this.isInKey ? this.#keyLine(text, at, through, ranges) : this.#begin(text, at, through, ranges);
    }
    return ranges;
  }

  /** @returns where to go on */
  #begin(text: string, from: number, through: number, ranges: Range[]): number {
    KEY.lastIndex = from;
    const key = KEY.exec(text);
    if (!key || key.index >= through) return through;
    const end = KEY.lastIndex;
    ranges.push({ start: key.index, end, name: NAME });
    const next = text.startsWith('\r\n', end) ? end + 2 : text.startsWith('\n', end) ? end + 1 : undefined;
    if (next === undefined || next > through || END.test(key[0])) return end;
    this.#linesLeft = MAX_LINES;
    return next;
  }

  /** @returns where to go on */
  #keyLine(text: string, from: number, through: number, ranges: Range[]): number {
    const newline = text.indexOf('\n', from);
    const lineEnd = newline === -1 || newline > through ? through : newline;
    const line = text.slice(from, lineEnd);
    const last = END.exec(line);
    if (!last && !KEY_LINE.test(line)) {
      this.#linesLeft = 0;
      return from;
    }
    this.#linesLeft = last ? 0 : this.#linesLeft - 1;
    const end = from + (last ? last.index + last[0].length : line.trimEnd().length);
    if (end > from) ranges.push({ start: from, end, name: NAME });
    return last ? end : lineEnd + 1;
  }
}
