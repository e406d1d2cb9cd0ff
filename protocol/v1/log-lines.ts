/** Turns the entries of a version 1 batch into the lines that the hive stores. */
import { encodeLine, OUTPUT_TYPES, splitContent, type OutputType } from '../page.js';
import { rfc3339 } from '../time.js';

/** A line in its stored form (`encodeLine`). Lines with the same output type, content and time are the same line. */
export interface EncodedLine {
  outputType: OutputType;
  json: string;
}

/** @returns how long the lines are together as they are stored, in UTF-16 units */
export function lengthOf(lines: readonly EncodedLine[]): number {
  return lines.reduce((sum, { json }) => sum + json.length, 0);
}

/**
 * One entry is one line, whatever newlines it contains. One that is too long for a line becomes several, cut between
 * characters, and the same way each time it is sent; all but the last are partial.
 * @returns undefined if it is not an entry
 */
export function entryLines(entry: unknown): EncodedLine[] | undefined {
  if (typeof entry !== 'object' || entry === null) return undefined;
  const { output_type: type, content, timestamp, partial } = entry as Record<string, unknown>;
  const outputType = OUTPUT_TYPES.find((known) => known === type);
  if (outputType === undefined || typeof content !== 'string') return undefined;
  const time = rfc3339.safeParse(timestamp);
  if (!time.success) return undefined;
  const parts = splitContent(content);
  return parts.map((part, index) => {
    const isContinued = index < parts.length - 1 || partial === true;
    return {
      outputType,
      json: encodeLine({ output_type: outputType, content: part, timestamp: time.data, partial: isContinued }),
    };
  });
}
