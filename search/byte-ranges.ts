import type { Range } from './matcher.js';

/** @param ranges in order, in UTF-16 units. @returns them as byte offsets of the content's UTF-8 */
export function toByteRanges(content: string, ranges: readonly Range[]): Range[] {
  let at = 0;
  let bytes = 0;
  const bytesTo = (unit: number) => {
    bytes += Buffer.byteLength(content.slice(at, unit));
    at = unit;
    return bytes;
  };
  return ranges.map(([from, to]) => [bytesTo(from), bytesTo(to)]);
}
