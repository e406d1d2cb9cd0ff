/** Appending log lines to an execution in one go. */
import { LogWriter } from './log-writer.js';
import type { Store } from './open.js';

/** By store and key of the executions that this process appends to, so that an append need not read what is there. */
const writers = new WeakMap<Store, Map<number, LogWriter>>();

/**
 * Appends encoded lines after line `logLines`. To be called in a write transaction.
 * @returns the new number of lines
 * @throws NodeAgentError `sealed`
 */
export function appendLines(store: Store, executionKey: number, logLines: number, lines: readonly string[]): number {
  if (lines.length === 0) return logLines;
  const writer = writerOf(store, executionKey, logLines);
  for (const line of lines) writer.add(line);
  writer.write(store, executionKey);
  writer.committed();
  writersOf(store).set(executionKey, writer);
  return writer.lines;
}

/** Seals the remaining lines of an execution that ends, at most a page. To be called in a write transaction. */
export function sealRest(store: Store, executionKey: number, logLines: number): void {
  const writer = writerOf(store, executionKey, logLines);
  writersOf(store).delete(executionKey);
  if (writer.lines !== logLines) return; // some are missing: a page would give the others wrong numbers
  writer.seal();
  writer.write(store, executionKey);
}

/** The last append's writer; a new one if that append was rolled back or another process has appended. */
function writerOf(store: Store, executionKey: number, logLines: number): LogWriter {
  const known = writersOf(store).get(executionKey);
  return known?.lines === logLines ? known : LogWriter.resume(store, executionKey, logLines);
}

function writersOf(store: Store): Map<number, LogWriter> {
  const known = writers.get(store) ?? new Map<number, LogWriter>();
  writers.set(store, known);
  return known;
}
