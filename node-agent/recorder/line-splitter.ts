/** Splits one output stream into lines. */
import { MAX_LINE_BYTES } from '../../protocol/limits.js';
import { splitContent } from '../../protocol/page.js';

const NEWLINE = 0x0a;

/**
 * A line's content is exactly the bytes between two newlines (a "\r" stays), decoded as UTF-8, with U+FFFD for bytes
 * that are not UTF-8. Only whole lines are decoded, so it does not matter how the bytes were split into chunks. Lines
 * longer than `maxBytes` are cut between characters. Keeps at most one such line in memory.
 */
export class LineSplitter {
  readonly #maxBytes: number;
  #partial: Buffer[] = [];
  #partialBytes = 0;

  constructor(maxBytes = MAX_LINE_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** @returns the lines that `chunk` completes */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (;;) {
      const newline = chunk.indexOf(NEWLINE, start);
      const end = newline === -1 ? chunk.length : newline;
      if (end > start) this.#extend(chunk.subarray(start, end), lines);
      if (newline === -1) return lines;
      this.#complete(lines);
      start = newline + 1;
    }
  }

  /** @returns the last line, if the stream did not end with a newline */
  end(): string[] {
    const lines: string[] = [];
    if (this.#partialBytes > 0) this.#complete(lines);
    return lines;
  }

  #extend(bytes: Buffer, lines: string[]): void {
    this.#partial.push(bytes);
    this.#partialBytes += bytes.length;
    // strictly more than maxBytes: a line of exactly that length must not be followed by an empty one
    if (this.#partialBytes <= this.#maxBytes) return;
    let rest = this.#joined();
    while (rest.length > this.#maxBytes) {
      const cut = characterStart(rest, this.#maxBytes);
      this.#emit(rest.subarray(0, cut), lines);
      rest = rest.subarray(cut);
    }
    this.#partial = [Buffer.from(rest)];
    this.#partialBytes = rest.length;
  }

  #complete(lines: string[]): void {
    this.#emit(this.#joined(), lines);
    this.#partial = [];
    this.#partialBytes = 0;
  }

  #joined(): Buffer {
    const [first] = this.#partial;
    return first && this.#partial.length === 1 ? first : Buffer.concat(this.#partial);
  }

  #emit(bytes: Buffer, lines: string[]): void {
    const text = bytes.toString('utf8');
    // each byte that is not UTF-8 becomes the three bytes of U+FFFD
    if (bytes.length * 3 <= this.#maxBytes) lines.push(text);
    else lines.push(...splitContent(text, this.#maxBytes));
  }
}

/** @returns the last position up to `position` where a character starts; `position` if the bytes are not UTF-8 */
function characterStart(bytes: Buffer, position: number): number {
  for (let start = position; start > position - 4 && start > 0; start--) {
    if ((bytes.readUInt8(start) & 0xc0) !== 0x80) return start;
  }
  return position;
}
