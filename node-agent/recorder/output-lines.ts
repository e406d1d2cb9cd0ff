/** Makes lines of one output stream. */
import { isUtf8 } from 'node:buffer';
import { MAX_LINE_BYTES } from '../../protocol/limits.js';

const NEWLINE = 0x0a;
const RETURN = 0x0d;

/**
 * Consecutive lines of one stream, with newlines between them. The text is UTF-8 with each byte as one character
 * ("binary"): most output is never decoded, which is what makes it cheap.
 */
export interface LineRun {
  text: string;
  /** The next line of the stream goes on where this run's last one ends: there is no newline between them. */
  isPartial: boolean;
}

export interface OutputLinesOptions {
  /** What the stream had not ended with a newline, from {@link OutputLines.rest}. */
  rest?: Buffer | undefined;
  /** @default MAX_LINE_BYTES */
  maxBytes?: number;
  /** A terminal makes "\r\n" of each newline: that "\r" is not the command's. @default false */
  isTerminal?: boolean;
}

/**
 * A line's content is exactly the bytes between two newlines (a "\r" stays), with U+FFFD for bytes that are not UTF-8.
 * It does not matter how the bytes were split into chunks. A line longer than `maxBytes` is cut between characters.
 * Keeps at most one such line in memory.
 */
export class OutputLines {
  readonly #maxBytes: number;
  readonly #isTerminal: boolean;
  #rest: Buffer[];
  #restBytes: number;
  #restSince: number | undefined;

  constructor({ rest = Buffer.alloc(0), maxBytes = MAX_LINE_BYTES, isTerminal = false }: OutputLinesOptions = {}) {
    this.#maxBytes = maxBytes;
    this.#isTerminal = isTerminal;
    this.#rest = rest.length > 0 ? [rest] : [];
    this.#restBytes = rest.length;
    this.#restSince = rest.length > 0 ? performance.now() : undefined;
  }

  /** What came after the last line that was made. */
  get rest(): Buffer {
    if (this.#rest.length !== 1) this.#rest = [Buffer.concat(this.#rest)];
    return this.#rest[0] ?? Buffer.alloc(0);
  }

  /** Since when a line stands unfinished (performance.now()); undefined if none does. */
  get unfinishedSince(): number | undefined {
    return this.#restSince;
  }

  /**
   * @param chunk may be reused afterwards
   * @param readAt when the command had printed it (performance.now())
   * @returns the lines that it completes
   */
  push(chunk: Buffer, readAt = performance.now()): LineRun[] {
    const lastNewline = chunk.lastIndexOf(NEWLINE);
    if (lastNewline < 0) {
      this.#extend(chunk, readAt);
      return this.#cutRest();
    }
    const ended = chunk.subarray(0, lastNewline);
    const lines = this.#restBytes > 0 ? Buffer.concat([...this.#rest, ended]) : ended;
    this.#replaceRest(chunk.subarray(lastNewline + 1), readAt);
    return [...this.#runs(utf8(this.#isTerminal ? withoutReturns(lines) : lines), false), ...this.#cutRest()];
  }

  /** @returns the line that stands unfinished, without a character of which bytes are missing, as partial */
  partial(): LineRun[] {
    this.#restSince = undefined; // again when more has come
    const rest = this.rest;
    const end = rest.length - (this.#isTerminal && rest.at(-1) === RETURN ? 1 : unfinishedCharacter(rest));
    if (end === 0) return [];
    this.#rest = [Buffer.from(rest.subarray(end))];
    this.#restBytes = rest.length - end;
    return this.#runs(utf8(rest.subarray(0, end)), true);
  }

  /** @returns the last line, if the stream did not end with a newline */
  end(): LineRun[] {
    const rest = this.rest;
    this.#replaceRest(Buffer.alloc(0), 0);
    return rest.length > 0 ? this.#runs(utf8(rest), false) : [];
  }

  #extend(bytes: Buffer, readAt: number): void {
    if (bytes.length === 0) return;
    this.#rest.push(Buffer.from(bytes));
    this.#restBytes += bytes.length;
    this.#restSince ??= readAt;
  }

  #replaceRest(bytes: Buffer, readAt: number): void {
    this.#rest = [];
    this.#restBytes = 0;
    this.#restSince = undefined;
    this.#extend(bytes, readAt);
  }

  #cutRest(): LineRun[] {
    // strictly more than maxBytes: a line of exactly that length must not be followed by an empty one
    if (this.#restBytes <= this.#maxBytes) return [];
    const runs: LineRun[] = [];
    let rest = this.rest;
    while (rest.length > this.#maxBytes) {
      const cut = characterStart(rest, this.#maxBytes);
      runs.push(...this.#runs(utf8(rest.subarray(0, cut)), true));
      rest = rest.subarray(cut);
    }
    this.#rest = [Buffer.from(rest)];
    this.#restBytes = rest.length;
    return runs;
  }

  /** @param bytes UTF-8 */
  #runs(bytes: Buffer, isPartial: boolean): LineRun[] {
    const text = bytes.toString('latin1');
    return text.length <= this.#maxBytes ? [{ text, isPartial }] : this.#cutLines(text, isPartial);
  }

  #cutLines(text: string, isPartial: boolean): LineRun[] {
    const runs: LineRun[] = [];
    let start = 0;
    let lineStart = 0;
    while (lineStart <= text.length) {
      const newline = text.indexOf('\n', lineStart);
      const end = newline < 0 ? text.length : newline;
      if (end - lineStart > this.#maxBytes) {
        if (lineStart > start) runs.push({ text: text.slice(start, lineStart - 1), isPartial: false });
        for (start = lineStart; end - start > this.#maxBytes;) {
          const cut = binaryCharacterStart(text, start + this.#maxBytes);
          runs.push({ text: text.slice(start, cut), isPartial: true });
          start = cut;
        }
      }
      lineStart = end + 1;
    }
    runs.push({ text: text.slice(start), isPartial });
    return runs;
  }
}

/** @returns lines, the last one without its newline, without a "\r" before each newline */
function withoutReturns(lines: Buffer): Buffer {
  const text = lines.toString('latin1').replaceAll('\r\n', '\n');
  return Buffer.from(text.endsWith('\r') ? text.slice(0, -1) : text, 'latin1');
}

/** @returns the bytes, with U+FFFD for those that are not UTF-8 */
function utf8(bytes: Buffer): Buffer {
  return isUtf8(bytes) ? bytes : Buffer.from(bytes.toString('utf8'));
}

/** @returns the last position up to `position` where a character starts; `position` if the bytes are not UTF-8 */
function characterStart(bytes: Buffer, position: number): number {
  for (let start = position; start > position - 4 && start > 0; start--) {
    if (((bytes[start] ?? 0) & 0xc0) !== 0x80) return start;
  }
  return position;
}

function binaryCharacterStart(text: string, position: number): number {
  for (let start = position; start > position - 4 && start > 0; start--) {
    if ((text.charCodeAt(start) & 0xc0) !== 0x80) return start;
  }
  return position;
}

/** @returns how many bytes at the end are the beginning of a character, 0 to 3 */
function unfinishedCharacter(bytes: Buffer): number {
  for (let length = 1; length <= Math.min(3, bytes.length); length++) {
    const byte = bytes[bytes.length - length] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const needed = byte >= 0xf0 && byte < 0xf5 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc2 ? 2 : 1;
    return byte < 0xf5 && needed > length ? length : 0;
  }
  return 0;
}
