/**
 * Recognises a line as `encodeLine` writes it, without parsing it: every line that enters or leaves the hive passes
 * here. Any other form of the same JSON takes the slow way through the parser. Each step looks at four bytes.
 */
import { MAX_LINE_BYTES } from './limits.js';
import type { OutputType } from './page-line.js';

export const NEWLINE = 0x0a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;
const ESCAPED = new Set(Buffer.from('"\\/bfnrt'));

/** Each byte of a word. */
const EACH_BYTE = 0x01010101;
const EACH_HIGH_BIT = 0x80808080;

/**
 * Consecutive bytes, as words of four; the last word may overlap the one before it. `fixed` masks the bytes that are
 * not digits, and `filler` has a `0` in their places.
 */
interface Pattern {
  length: number;
  words: { offset: number; bytes: number; fixed: number; filler: number }[];
}

/** @param text at least four ASCII characters; a `0` stands for any digit */
function patternOf(text: string): Pattern {
  const bytes = Buffer.from(text);
  const mask = Buffer.from(bytes.map((byte) => (byte === 0x30 ? 0 : 0xff)));
  const words = [];
  for (let start = 0; start < bytes.length; start += 4) {
    const offset = Math.min(start, bytes.length - 4);
    const fixed = mask.readInt32LE(offset);
    words.push({ offset, bytes: bytes.readInt32LE(offset) & fixed, fixed, filler: 0x30303030 & fixed });
  }
  return { length: bytes.length, words };
}

interface UsualForm {
  type: OutputType;
  before: Pattern;
}

const formOf = (type: OutputType): UsualForm => ({
  type,
  before: patternOf(`{"output_type":"${type}","content":"`),
});
const STDOUT = formOf('stdout');
const STDERR = formOf('stderr');
const SYSTEM = formOf('system');
/** Where the types differ: in their fourth letter. */
const LETTER = '{"output_type":"std'.length;
const [LETTER_O, LETTER_E, LETTER_T] = [0x6f, 0x65, 0x74];
const AFTER = patternOf('","timestamp":"0000-00-00T00:00:00.000Z"}');
const AFTER_PARTIAL = patternOf('","timestamp":"0000-00-00T00:00:00.000Z","partial":true}');

/** A page's NDJSON; it must be UTF-8. */
export interface PageText {
  raw: Buffer;
  /** The same bytes. */
  view: DataView;
}

export function pageText(raw: Buffer): PageText {
  return { raw, view: new DataView(raw.buffer, raw.byteOffset, raw.byteLength) };
}

/** @returns the form of the line that starts at `start`; undefined if it is not a usual one */
export function usualFormAt({ raw }: PageText, start: number): UsualForm | undefined {
  switch (raw[start + LETTER] ?? 0) {
    case LETTER_O:
      return STDOUT;
    case LETTER_E:
      return STDERR;
    case LETTER_T:
      return SYSTEM;
    default:
      return undefined;
  }
}

/** @returns where a line of that form ends (its newline or the end of the text); -1 if it has another form */
export function endOfUsualLine(text: PageText, start: number, { before }: UsualForm): number {
  const { raw, view } = text;
  if (!hasPattern(view, start, before)) return -1;
  const contentStart = start + before.length;
  const contentEnd = endOfString(text, contentStart);
  // an escape is never shorter than what it stands for
  if (contentEnd < 0 || contentEnd - contentStart > MAX_LINE_BYTES) return -1;
  if (hasPattern(view, contentEnd, AFTER)) return endAt(raw, contentEnd + AFTER.length);
  // few lines are partial, so only they pay for the second comparison
  return hasPattern(view, contentEnd, AFTER_PARTIAL) ? endAt(raw, contentEnd + AFTER_PARTIAL.length) : -1;
}

function endAt(raw: Buffer, end: number): number {
  return end === raw.length || raw[end] === NEWLINE ? end : -1;
}

function hasPattern(view: DataView, start: number, { length, words }: Pattern): boolean {
  if (start + length > view.byteLength) return false;
  for (const { offset, bytes, fixed, filler } of words) {
    const word = view.getInt32(start + offset, true);
    if ((word & fixed) !== bytes) return false;
    const digits = (word & ~fixed) | filler;
    // the high bit of a byte that is not ASCII, is above `9` or is below `0` ends up set
    if (((digits | (digits + 0x46 * EACH_BYTE) | (digits - 0x30 * EACH_BYTE)) & EACH_HIGH_BIT) !== 0) return false;
  }
  return true;
}

/** @returns where the JSON string whose content starts at `start` is closed; -1 if it is not valid, or not closed */
function endOfString({ raw, view }: PageText, start: number): number {
  for (let at = endOfPlain(view, start); at >= 0; at = endOfPlain(view, at)) {
    const byte = raw[at];
    if (byte === QUOTE) return at;
    if (byte !== BACKSLASH) return -1;
    const escaped = raw[at + 1] ?? 0;
    at += 2;
    if (escaped === LETTER_U) {
      for (const end = at + 4; at < end; at++) if (!isHexDigit(raw[at] ?? 0)) return -1;
    } else if (!ESCAPED.has(escaped)) return -1;
  }
  return -1;
}

/**
 * @returns where the first quote, backslash or control character from `at` on is; -1 if there is none, or only among
 * the text's last three bytes, which are too few for what follows a content
 */
function endOfPlain(view: DataView, at: number): number {
  for (const last = view.byteLength - 4; at <= last; at += 4) {
    const word = view.getInt32(at, true);
    const quotes = word ^ (QUOTE * EACH_BYTE);
    const backslashes = word ^ (BACKSLASH * EACH_BYTE);
    // the high bit of the first byte that is zero (or, in the last term, below a space) ends up set, and none before it
    const found =
      (((quotes - EACH_BYTE) & ~quotes) |
        ((backslashes - EACH_BYTE) & ~backslashes) |
        ((word - 0x20 * EACH_BYTE) & ~word)) &
      EACH_HIGH_BIT;
    if (found !== 0) return at + ((31 - Math.clz32(found & -found)) >> 3);
  }
  return -1;
}

/** @returns where the line that starts at `start` ends, whatever its form */
export function endOfAnyLine({ raw }: PageText, start: number): number {
  const end = raw.indexOf(NEWLINE, start);
  return end < 0 ? raw.length : end;
}

function isHexDigit(byte: number): boolean {
  const lower = byte | 0x20;
  return (byte >= 0x30 && byte <= 0x39) || (lower >= 0x61 && lower <= 0x66);
}
