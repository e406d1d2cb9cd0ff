/**
 * The lines that are kept in the page: a bounded number, in segments. A segment knows every line of a range of numbers that
 * the filter lets through, so that it can be said whether a line is absent or only not known yet.
 */
import type { Line } from './line.js';

export interface Segment {
  /** The numbers that it covers, inclusive. */
  from: number;
  to: number;
  /** In their order. Without a filter, one for each number. */
  lines: Line[];
  characters: number;
}

/** Small, because they are dropped as a whole. */
const SEGMENT_LINES = 500;
/** Some 40 screens in each direction. */
const MAX_LINES = 16_000;
/** A line can have 1 MiB. */
const MAX_CHARACTERS = 24 * 1024 * 1024;

export class LineStore {
  #segments: Segment[] = [];
  #lines = 0;
  #characters = 0;

  get segments(): readonly Segment[] {
    return this.#segments;
  }

  get lines(): number {
    return this.#lines;
  }

  /** @returns the segment that covers the number */
  covering(seq: number): Segment | undefined {
    const segment = this.#segments[this.#indexBefore(seq)];
    return segment && segment.to >= seq ? segment : undefined;
  }

  /** @returns the first segment that begins after the number */
  following(seq: number): Segment | undefined {
    return this.#segments[this.#indexBefore(seq) + 1];
  }

  /** @returns the last segment that ends before the number */
  preceding(seq: number): Segment | undefined {
    const index = this.#indexBefore(seq);
    const segment = this.#segments[index];
    return segment && segment.to < seq ? segment : this.#segments[index - 1];
  }

  line(seq: number): Line | undefined {
    const segment = this.covering(seq);
    if (!segment) return undefined;
    const direct = segment.lines[seq - segment.from];
    return direct?.seq === seq ? direct : segment.lines[firstAtOrAfter(segment.lines, seq, true)];
  }

  /** Takes in every line from..to that the filter lets through. What is known already stays as it is. */
  insert(from: number, to: number, lines: readonly Line[]): void {
    for (let start = from; start <= to;) {
      const known = this.covering(start);
      if (known) {
        start = known.to + 1;
        continue;
      }
      const end = Math.min(to, (this.following(start)?.from ?? Infinity) - 1);
      const first = firstAtOrAfter(lines, start);
      const fresh = lines.slice(first, Math.min(first + SEGMENT_LINES, firstAtOrAfter(lines, end + 1)));
      const isCut = first + fresh.length < lines.length && (lines[first + fresh.length]?.seq ?? Infinity) <= end;
      const last = isCut ? (fresh.at(-1)?.seq ?? end) : end;
      this.#add({ from: start, to: last, lines: fresh, characters: charactersOf(fresh) });
      start = last + 1;
    }
  }

  /** Takes in the first line after the number `after`. It is dropped if what is before it is not kept. */
  append(after: number, line: Line): void {
    const last = this.#segments.at(-1);
    if ((last?.to ?? 0) < after || (last && last.to >= line.seq)) return;
    if (last && last.lines.length < SEGMENT_LINES) {
      last.lines.push(line);
      last.to = line.seq;
      last.characters += line.content.length;
      this.#lines++;
      this.#characters += line.content.length;
    } else this.#add({ from: (last?.to ?? after) + 1, to: line.seq, lines: [line], characters: line.content.length });
  }

  /** Drops what is farthest from these lines until the rest is within the bounds. */
  evict(from: number, to: number): void {
    while (this.#lines > MAX_LINES || this.#characters > MAX_CHARACTERS) {
      const [first, last] = [this.#segments[0], this.#segments.at(-1)];
      if (!first || !last) return;
      const [above, below] = [from - first.to, last.from - to];
      if (Math.max(above, below) <= 0) return; // all of it is shown
      const dropped = above >= below ? this.#segments.shift() : this.#segments.pop();
      this.#lines -= dropped?.lines.length ?? 0;
      this.#characters -= dropped?.characters ?? 0;
    }
  }

  #add(segment: Segment): void {
    this.#segments.splice(this.#indexBefore(segment.from) + 1, 0, segment);
    this.#lines += segment.lines.length;
    this.#characters += segment.characters;
  }

  /** @returns the index of the last segment that begins at the number or before it; -1 if none does */
  #indexBefore(seq: number): number {
    let [low, high] = [0, this.#segments.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#segments[middle]?.from ?? 0) <= seq) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/** @returns the index of the first line with this number or a higher one; -1 if `exactly` and there is none with it */
export function firstAtOrAfter(lines: readonly Line[], seq: number, exactly = false): number {
  let [low, high] = [0, lines.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((lines[middle]?.seq ?? 0) < seq) low = middle + 1;
    else high = middle;
  }
  return exactly && lines[low]?.seq !== seq ? -1 : low;
}

const charactersOf = (lines: readonly Line[]): number => lines.reduce((sum, { content }) => sum + content.length, 0);
