/** A line of the log as the viewer keeps it: what it does not show is left out, because there are thousands of them. */
import type { LogEntry, OutputType } from './log-requests.js';

export interface Line {
  seq: number;
  type: OutputType;
  content: string;
  /** RFC 3339. */
  at: string;
  /** The next line of the same type continues it. */
  isPartial: boolean;
}

export function toLine({ seq, output_type: type, content, timestamp, partial }: LogEntry): Line {
  return { seq, type, content, at: timestamp, isPartial: partial === true };
}
