/** One line of a page, and what can be wrong with a page. */
import { MAX_LINE_BYTES } from './limits.js';

export const OUTPUT_TYPES = ['stdout', 'stderr', 'system'] as const;
export type OutputType = (typeof OUTPUT_TYPES)[number];

/** One line of an execution's log. Its number (seq, from 1) follows from its place, and is not a field. */
export interface LogLine {
  output_type: OutputType;
  /** At most MAX_LINE_BYTES of UTF-8, without the newline. */
  content: string;
  /** RFC 3339, UTC. */
  timestamp: string;
  /**
   * It was not ended by a newline: the next line of the same execution and output type continues it. Only its contents
   * are joined; each has its own number. Absent means false.
   */
  partial?: boolean | undefined;
}

export type PageFault = 'too_large' | 'not_gzip' | 'not_utf8' | 'bad_line' | 'line_count';

/** A page that can't be stored. `message` names the line and field, never their content. */
export class PageError extends Error {
  override readonly name = 'PageError';
  constructor(
    readonly code: PageFault,
    message: string,
  ) {
    super(message);
  }
}

/** @returns the line in the form that it has in a page, without the newline */
export function encodeLine(line: LogLine): string {
  const { output_type, content, timestamp, partial } = line;
  return JSON.stringify(
    partial === true ? { output_type, content, timestamp, partial } : { output_type, content, timestamp },
  );
}

/** @returns what {@link encodeLine} puts around the content's JSON, for making many lines at once */
export function encodeAround({ output_type, timestamp, partial }: Omit<LogLine, 'content'>): [string, string] {
  const after = `","timestamp":${JSON.stringify(timestamp)}${partial === true ? ',"partial":true' : ''}}`;
  return [`{"output_type":"${output_type}","content":"`, after];
}

/** Cuts a content that is too long for one line between characters, into parts of at most `maxBytes` of UTF-8. */
export function splitContent(content: string, maxBytes = MAX_LINE_BYTES): string[] {
  if (content.length * 3 <= maxBytes || Buffer.byteLength(content) <= maxBytes) return [content];
  const parts: string[] = [];
  for (let start = 0; start < content.length;) {
    let end = start;
    for (let bytes = 0; end < content.length;) {
      const code = content.codePointAt(end) ?? 0;
      bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x1_0000 ? 3 : 4;
      if (bytes > maxBytes) break;
      end += code < 0x1_0000 ? 1 : 2;
    }
    parts.push(content.slice(start, end));
    start = end;
  }
  return parts;
}

const TIMESTAMP = /^[+-]?\d{4,6}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$/;

/**
 * Hand-written and not a zod schema, because it runs for every line that is read.
 * @throws PageError `bad_line`
 */
export function parseLine(text: string, seq: number): LogLine {
  let line: Partial<Record<keyof LogLine, unknown>> | null;
  try {
    line = JSON.parse(text) as typeof line;
  } catch {
    throw new PageError('bad_line', `line ${seq} is not JSON`); // the parser's message would quote its input
  }
  if (typeof line !== 'object' || line === null) throw new PageError('bad_line', `line ${seq} is not an object`);
  const { output_type: outputType, content, timestamp, partial = null } = line;
  if (outputType !== 'stdout' && outputType !== 'stderr' && outputType !== 'system') {
    throw new PageError('bad_line', `line ${seq}: output_type must be one of ${OUTPUT_TYPES.join(', ')}`);
  }
  if (typeof content !== 'string') throw new PageError('bad_line', `line ${seq}: content must be a string`);
  if (content.length * 3 > MAX_LINE_BYTES && Buffer.byteLength(content) > MAX_LINE_BYTES) {
    throw new PageError('bad_line', `line ${seq}: content has more than ${MAX_LINE_BYTES} bytes`);
  }
  if (typeof timestamp !== 'string' || !TIMESTAMP.test(timestamp)) {
    throw new PageError('bad_line', `line ${seq}: timestamp must be an RFC 3339 time`);
  }
  if (partial !== null && typeof partial !== 'boolean') {
    throw new PageError('bad_line', `line ${seq}: partial must be true or false`);
  }
  return { output_type: outputType, content, timestamp, ...(partial === true && { partial }) };
}
