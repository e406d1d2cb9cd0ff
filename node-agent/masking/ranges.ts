/** Places of secrets in bytes, and what is written instead. */

export interface Range {
  /** Offset of the first byte. */
  start: number;
  /** Offset after the last byte. */
  end: number;
  /** What was found there. */
  name: string;
}

/** What stands in place of a value. */
export function replacement(name: string): string {
  return `[masked:${name}]`;
}

/** @returns the ranges in order; those that overlap are one, named after the first and longest */
export function joinRanges(ranges: Range[]): Range[] {
  const joined: Range[] = [];
  let last: Range | undefined;
  for (const range of ranges.sort((a, b) => a.start - b.start || b.end - a.end)) {
    if (last && range.start < last.end) last.end = Math.max(last.end, range.end);
    else joined.push((last = { ...range }));
  }
  return joined;
}

/** @param ranges in order, without overlaps; one that goes beyond the data's end counts up to there */
export function replaceRanges(data: Buffer, ranges: readonly Range[]): Buffer {
  if (ranges.length === 0) return data;
  const parts: Buffer[] = [];
  let from = 0;
  for (const { start, end, name } of ranges) {
    parts.push(data.subarray(from, start), Buffer.from(replacement(name)));
    from = Math.min(end, data.length);
  }
  parts.push(data.subarray(from));
  return Buffer.concat(parts);
}
