/** The search says where a line matches in bytes of UTF-8; the page cuts strings in units of UTF-16. */

export type ByteRange = readonly [from: number, to: number];

/** @param ranges ordered. @returns the same ranges as offsets in the string */
export function toStringRanges(content: string, ranges: readonly ByteRange[]): ByteRange[] {
  const found: ByteRange[] = [];
  let bytes = 0;
  let at = 0;
  /** Goes on to the character that begins at this byte, or in which it lies. */
  const advance = (target: number): number => {
    while (at < content.length && bytes < target) {
      const code = content.codePointAt(at) ?? 0;
      bytes += bytesOf(code);
      at += code > 0xffff ? 2 : 1;
    }
    return at;
  };
  for (const [from, to] of ranges) found.push([advance(from), advance(to)]);
  return found;
}

/** Half a surrogate pair counts as U+FFFD, which has three bytes too. */
function bytesOf(code: number): number {
  if (code < 0x80) return 1;
  if (code < 0x800) return 2;
  return code < 0x10000 ? 3 : 4;
}
