/** Masks known values in one stream of bytes, however they are split into chunks. */
import type { Literal } from './literals.js';
import { joinRanges, replaceRanges, type Range } from './ranges.js';

/** What is held back at most while every byte belongs to a value that overlaps with the next one. */
const MAX_HELD_BYTES = 64 * 1024;

export class ValueMask {
  readonly #literals: readonly Literal[];
  #held: Buffer = Buffer.alloc(0);
  /** Values masked so far. */
  count = 0;

  constructor(literals: readonly Literal[]) {
    this.#literals = literals;
  }

  /**
   * @returns what can be recorded: all but the last bytes, if those may be the beginning of a value. It may be a part of
   * `chunk` itself.
   */
  push(chunk: Buffer): Buffer {
    const data = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk;
    const ranges = this.#find(data);
    const unfinished = this.#unfinishedFrom(data);
    let cut = unfinished;
    for (const { start, end } of ranges.toReversed()) if (end > cut) cut = Math.min(cut, start);
    if (data.length - cut > MAX_HELD_BYTES) cut = unfinished;
    this.#held = cut < data.length ? Buffer.from(data.subarray(cut)) : Buffer.alloc(0);
    return this.#replace(data.subarray(0, cut), ranges);
  }

  /** @returns what was held back */
  end(): Buffer {
    const data = this.#held;
    this.#held = Buffer.alloc(0);
    return this.#replace(data, this.#find(data));
  }

  #replace(data: Buffer, ranges: readonly Range[]): Buffer {
    const within = ranges.filter(({ start }) => start < data.length);
    this.count += within.length;
    return replaceRanges(data, within);
  }

  /** Where values stand; those that overlap count as one. */
  #find(data: Buffer): Range[] {
    const found: Range[] = [];
    for (const { name, bytes } of this.#literals) {
      for (let at = data.indexOf(bytes); at !== -1; at = data.indexOf(bytes, at + 1)) {
        found.push({ start: at, end: at + bytes.length, name });
      }
    }
    return found.length > 0 ? joinRanges(found) : found;
  }

  /** The first position from which all the rest is the beginning of a value; the data's end if there is none. */
  #unfinishedFrom(data: Buffer): number {
    let first = data.length;
    for (const { bytes } of this.#literals) {
      const firstByte = bytes.readUInt8(0);
      let at = data.indexOf(firstByte, Math.max(0, data.length - bytes.length + 1));
      while (at !== -1 && at < first) {
        if (data.compare(bytes, 0, data.length - at, at) === 0) first = at;
        at = data.indexOf(firstByte, at + 1);
      }
    }
    return first;
  }
}
