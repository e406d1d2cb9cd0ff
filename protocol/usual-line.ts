/**
 * A line as `encodeLine` writes it, recognised byte by byte where it lies: every line that enters or leaves the hive
 * passes here. Any other form of the same JSON has to take the slow way through the parser.
 */
import { MAX_LINE_BYTES } from './limits.js';
import type { OutputType } from './page-line.js';

const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text));

export const NEWLINE = 0x0a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const FIRST_PRINTABLE = 0x20;
const LETTER_U = 0x75;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;

/** Where `"stdout"`, `"stderr"` and `"system"` differ: their fourth letter. */
const BEFORE_CONTENT: Record<OutputType, Uint8Array> = {
  stdout: bytesOf('{"output_type":"stdout","content":"'),
  stderr: bytesOf('{"output_type":"stderr","content":"'),
  system: bytesOf('{"output_type":"system","content":"'),
};
const LETTER = '{"output_type":"std'.length;
const TYPE_BY_LETTER = new Map<number, OutputType>([
  ['o'.charCodeAt(0), 'stdout'],
  ['e'.charCodeAt(0), 'stderr'],
  ['t'.charCodeAt(0), 'system'],
]);
const BEFORE_TIME = bytesOf('","timestamp":"');
/** A digit stands for any. */
const TIME = bytesOf('0000-00-00T00:00:00.000Z');
const AFTER_TIME = bytesOf('"}');
const ESCAPED = new Set(bytesOf('"\\/bfnrt'));

/** A page's NDJSON; it must be UTF-8. */
export interface PageText {
  raw: Buffer;
  /** The same bytes, four in one; those at the end that make no four are not among them. */
  words: Int32Array;
}

export function pageText(raw: Buffer): PageText {
  return { raw, words: wordsOf(raw) };
}

/** The output type of the line that starts at `start`, if that line has the usual form. */
export function typeAt({ raw }: PageText, start: number): OutputType | undefined {
  return TYPE_BY_LETTER.get(raw[start + LETTER] ?? 0);
}

function wordsOf(raw: Buffer): Int32Array {
  const isAligned = raw.byteOffset % 4 === 0;
  return isAligned ? new Int32Array(raw.buffer, raw.byteOffset, raw.length >> 2) : new Int32Array(0);
}

/** Where a line of the usual form ends (at its newline, or at the end of the text); -1: it has another form. */
export function endOfUsualLine(text: PageText, start: number, type: OutputType): number {
  const { raw } = text;
  const beforeContent = BEFORE_CONTENT[type];
  if (!follows(raw, start, beforeContent)) return -1;
  const contentStart = start + beforeContent.length;
  const contentEnd = endOfString(text, contentStart);
  // an escape is never shorter than what it stands for
  if (contentEnd < 0 || contentEnd - contentStart > MAX_LINE_BYTES) return -1;
  if (!follows(raw, contentEnd, BEFORE_TIME)) return -1;
  const timeStart = contentEnd + BEFORE_TIME.length;
  const timeEnd = timeStart + TIME.length;
  if (!isTime(raw, timeStart) || !follows(raw, timeEnd, AFTER_TIME)) return -1;
  const end = timeEnd + AFTER_TIME.length;
  return end === raw.length || raw[end] === NEWLINE ? end : -1;
}

/** Where the JSON string that goes on at `start` has its closing quote; -1: it is none. */
function endOfString({ raw, words }: PageText, start: number): number {
  for (let at = start; at < raw.length; at++) {
    if ((at & 3) === 0) at = endOfPlain(words, at);
    const byte = raw[at] ?? 0;
    if (byte === QUOTE) return at;
    if (byte < FIRST_PRINTABLE) return -1;
    if (byte !== BACKSLASH) continue;
    const escaped = raw[++at] ?? 0;
    if (escaped === LETTER_U) {
      for (let digit = 0; digit < 4; digit++) if (!isHexDigit(raw[++at] ?? 0)) return -1;
    } else if (!ESCAPED.has(escaped)) return -1;
  }
  return -1;
}

/** Four bytes at a time: the first four, from `at` on, among which there may be a quote, a backslash or a control character. */
function endOfPlain(words: Int32Array, at: number): number {
  let index = at >> 2;
  for (; index < words.length; index++) {
    const word = words[index] ?? 0;
    const quotes = word ^ 0x22222222;
    const backslashes = word ^ 0x5c5c5c5c;
    // the high bit of each byte that is zero (or, in the last term, below a space) ends up set
    const found =
      ((quotes - 0x01010101) & ~quotes) | ((backslashes - 0x01010101) & ~backslashes) | ((word - 0x20202020) & ~word);
    if ((found & 0x80808080) !== 0) break;
  }
  return index << 2;
}

/** Where the line that starts at `start` ends, whatever its form. */
export function endOfAnyLine({ raw }: PageText, start: number): number {
  const end = raw.indexOf(NEWLINE, start);
  return end < 0 ? raw.length : end;
}

function isHexDigit(byte: number): boolean {
  const lower = byte | 0x20;
  return (byte >= DIGIT_0 && byte <= DIGIT_9) || (lower >= 0x61 && lower <= 0x66);
}

function isTime(raw: Buffer, start: number): boolean {
  for (let index = 0; index < TIME.length; index++) {
    const byte = raw[start + index] ?? 0;
    const isRight = TIME[index] === DIGIT_0 ? byte >= DIGIT_0 && byte <= DIGIT_9 : byte === TIME[index];
    if (!isRight) return false;
  }
  return true;
}

function follows(raw: Buffer, start: number, bytes: Uint8Array): boolean {
  for (let index = 0; index < bytes.length; index++) if (raw[start + index] !== bytes[index]) return false;
  return true;
}
