/**
 * Appending log lines in batches. A full page is sealed: it is stored in the form in which it is sent. The lines after
 * the last sealed page are rows, each in the form that it has in a page.
 */
import { PAGE_TARGET_LINES, PAGE_TARGET_RAW_BYTES } from '../../protocol/limits.js';
import { encodePageSync } from '../../protocol/page.js';
import type { Store, Tail } from './open.js';
import { lineBytes, rowBytes } from './read-lines.js';
import {
  DELETE_LINES,
  INSERT_LINE,
  INSERT_SEALED_PAGE,
  SELECT_LINES,
  SELECT_SEALED_THROUGH,
  SET_LOG_LINES,
} from './sql.js';

/**
 * Appends encoded lines after line `logLines`. To be called in a write transaction. Full pages are sealed here and not
 * when they are asked for, so that a backfill costs the node no more than reading a file.
 * @returns the new number of lines
 */
export function appendLines(store: Store, executionKey: number, logLines: number, lines: readonly string[]): number {
  if (lines.length === 0) return logLines;
  const total = logLines + lines.length;
  const { sealed, bytes: bytesBefore } = tailOf(store, executionKey, logLines);
  const bytes = bytesBefore + bytesOf(lines);
  if (total - sealed < PAGE_TARGET_LINES && bytes <= PAGE_TARGET_RAW_BYTES) {
    insertRows(store, executionKey, logLines, lines);
    store.tails.set(executionKey, { logLines: total, sealed, bytes });
  } else {
    const unsealed = [...takeRows(store, executionKey, sealed, logLines), ...lines];
    const rest = sealFullPages(store, executionKey, sealed, unsealed);
    insertRows(store, executionKey, total - rest.length, rest);
    store.tails.set(executionKey, { logLines: total, sealed: total - rest.length, bytes: bytesOf(rest) });
  }
  store.prepare(SET_LOG_LINES).run(total, executionKey);
  return total;
}

/** What the last append left; read from the store if that was rolled back or was another process's. */
function tailOf(store: Store, executionKey: number, logLines: number): Tail {
  const known = store.tails.get(executionKey);
  if (known?.logLines === logLines) return known;
  const sealed = sealedThrough(store, executionKey);
  return { logLines, sealed, bytes: rowBytes(store, executionKey, sealed, logLines) };
}

function bytesOf(lines: readonly string[]): number {
  return lines.reduce((sum, line) => sum + lineBytes(line), 0);
}

/** Seals the remaining lines of an execution that ends, at most a page. To be called in a write transaction. */
export function sealRest(store: Store, executionKey: number, logLines: number): void {
  store.tails.delete(executionKey);
  const sealed = sealedThrough(store, executionKey);
  if (sealed >= logLines) return;
  const rest = sealFullPages(store, executionKey, sealed, takeRows(store, executionKey, sealed, logLines));
  if (rest.length > 0) seal(store, executionKey, logLines - rest.length + 1, rest);
}

/** @returns the lines after the last full page */
function sealFullPages(store: Store, executionKey: number, sealed: number, lines: readonly string[]): string[] {
  let start = 0;
  let bytes = 0;
  for (const [index, line] of lines.entries()) {
    bytes += lineBytes(line);
    const isFull = index - start === PAGE_TARGET_LINES || (bytes > PAGE_TARGET_RAW_BYTES && index > start);
    if (!isFull) continue;
    seal(store, executionKey, sealed + start + 1, lines.slice(start, index));
    start = index;
    bytes = lineBytes(line);
  }
  const rest = lines.slice(start);
  if (rest.length < PAGE_TARGET_LINES) return rest;
  seal(store, executionKey, sealed + start + 1, rest);
  return [];
}

function seal(store: Store, executionKey: number, firstSeq: number, lines: readonly string[]): void {
  const gzip = encodePageSync(lines.join('\n'));
  store.prepare(INSERT_SEALED_PAGE).run(executionKey, firstSeq, firstSeq + lines.length - 1, gzip);
}

function insertRows(store: Store, executionKey: number, after: number, lines: readonly string[]): void {
  const insert = store.prepare(INSERT_LINE);
  let seq = after;
  for (const line of lines) insert.run(executionKey, ++seq, line);
}

function takeRows(store: Store, executionKey: number, after: number, through: number): string[] {
  const rows = store.prepare(SELECT_LINES).pluck().all(executionKey, after, through) as unknown as string[];
  store.prepare(DELETE_LINES).run(executionKey, after);
  return rows;
}

function sealedThrough(store: Store, executionKey: number): number {
  return store.value(SELECT_SEALED_THROUGH, executionKey) as number;
}
