/** For other views of a log: lines by number. */
import { LineReader } from './line-reader.js';
import type { Line } from './line.js';
import { readPage } from './log-requests.js';

/** Readers know where their execution's ids begin, so those used last are kept. */
const MAX_READERS = 50;
const readers = new Map<string, LineReader>();

/** @returns lines of an execution from a line on; their number is less than the limit only at the end, or if they are very long */
export async function readLines(
  attemptId: string,
  { executionId, from, limit, signal }: { executionId: string; from: number; limit: number; signal: AbortSignal },
): Promise<Line[]> {
  let reader = readers.get(executionId);
  if (!reader) {
    if (readers.size >= MAX_READERS) readers.clear();
    reader = new LineReader({ attemptId, executionId }, readPage);
    readers.set(executionId, reader);
  }
  return (await reader.forward(from, limit, signal)).lines;
}
