/** A version 1 batch's entries as the lines that the hive stores. */
import { MAX_LINE_BYTES } from '../limits.js';
import { encodeLine, OUTPUT_TYPES, type OutputType } from '../page.js';
import { rfc3339 } from '../time.js';

/** A line in its stored form (`encodeLine`), which is also its identity: output type, content and time. */
export interface EncodedLine {
  outputType: OutputType;
  json: string;
}

/**
 * One entry is one line, whatever newlines are in it; one over the limit of a line becomes several, cut between
 * characters, the same way each time it is sent. Undefined: it is no entry.
 */
export function entryLines(entry: unknown): EncodedLine[] | undefined {
  if (typeof entry !== 'object' || entry === null) return undefined;
  const { output_type: type, content, timestamp } = entry as Record<string, unknown>;
  const outputType = OUTPUT_TYPES.find((known) => known === type);
  if (outputType === undefined || typeof content !== 'string') return undefined;
  const time = rfc3339.safeParse(timestamp);
  if (!time.success) return undefined;
  return splitContent(content).map((part) => ({
    outputType,
    json: encodeLine({ output_type: outputType, content: part, timestamp: time.data }),
  }));
}

/** Parts of at most MAX_LINE_BYTES of UTF-8. */
function splitContent(content: string): string[] {
  if (content.length * 3 <= MAX_LINE_BYTES || Buffer.byteLength(content) <= MAX_LINE_BYTES) return [content];
  const parts: string[] = [];
  for (let start = 0; start < content.length;) {
    let end = start;
    for (let bytes = 0; end < content.length;) {
      const code = content.codePointAt(end) ?? 0;
      bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x1_0000 ? 3 : 4;
      if (bytes > MAX_LINE_BYTES) break;
      end += code < 0x1_0000 ? 1 : 2;
    }
    parts.push(content.slice(start, end));
    start = end;
  }
  return parts;
}
