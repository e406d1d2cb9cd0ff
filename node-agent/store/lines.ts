/** Log lines: written in batches, read in order and in bounded memory. Each is stored as it stands in a page. */
import type { Store } from './open.js';
import { INSERT_LINE, SELECT_LINES, SET_LOG_LINES } from './sql.js';

/** Appends encoded lines after `logLines` and gives the new count. To be called in a write transaction. */
export function appendLines(store: Store, executionKey: number, logLines: number, lines: readonly string[]): number {
  if (lines.length === 0) return logLines;
  const insert = store.prepare(INSERT_LINE);
  let seq = logLines;
  for (const line of lines) insert.run(executionKey, ++seq, line);
  store.prepare(SET_LOG_LINES).run(seq, executionKey);
  return seq;
}

export interface RawPage {
  lines: string[];
  firstSeq: number;
  lastSeq: number;
}

export interface PageBounds {
  lines: number;
  /** NDJSON bytes; a single longer line is a page of its own. */
  rawBytes: number;
}

/** The next lines after `afterSeq`, up to `throughSeq` and the bounds; undefined when there are none. */
export function readLines(
  store: Store,
  executionKey: number,
  afterSeq: number,
  throughSeq: number,
  bounds: PageBounds,
): RawPage | undefined {
  const lines: string[] = [];
  let bytes = 0;
  const rows = store.prepare(SELECT_LINES).pluck().iterate(executionKey, afterSeq, throughSeq, bounds.lines);
  for (const line of rows as unknown as IterableIterator<string>) {
    bytes += Buffer.byteLength(line) + 1;
    if (bytes > bounds.rawBytes && lines.length > 0) break;
    lines.push(line);
  }
  if (lines.length === 0) return undefined;
  return { lines, firstSeq: afterSeq + 1, lastSeq: afterSeq + lines.length };
}
