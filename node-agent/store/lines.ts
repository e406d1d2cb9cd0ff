/**
 * Log lines: appended in batches, read in order and in bounded memory. A full page is sealed: it is stored in the form
 * in which it is sent. The lines after the last sealed page are rows, each in the form that it has in a page.
 */
import { gunzipSync } from 'node:zlib';
import { PAGE_TARGET_LINES, PAGE_TARGET_RAW_BYTES } from '../../protocol/limits.js';
import { encodePageSync } from '../../protocol/page.js';
import type { Store, Tail } from './open.js';
import {
  DELETE_LINES,
  INSERT_LINE,
  INSERT_SEALED_PAGE,
  SELECT_LINE_BYTES,
  SELECT_LINES,
  SELECT_NDJSON,
  SELECT_SEALED_PAGE,
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
  return lines.reduce((sum, line) => sum + sizeOf(line), 0);
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
    bytes += sizeOf(line);
    const isFull = index - start === PAGE_TARGET_LINES || (bytes > PAGE_TARGET_RAW_BYTES && index > start);
    if (!isFull) continue;
    seal(store, executionKey, sealed + start + 1, lines.slice(start, index));
    start = index;
    bytes = sizeOf(line);
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

function sizeOf(line: string): number {
  return Buffer.byteLength(line) + 1;
}

function rowBytes(store: Store, executionKey: number, after: number, through: number): number {
  return store.value(SELECT_LINE_BYTES, executionKey, after, through) as number;
}

function sealedThrough(store: Store, executionKey: number): number {
  return store.value(SELECT_SEALED_THROUGH, executionKey) as number;
}

/** Consecutive lines, at most a page of them. */
export interface Piece {
  firstSeq: number;
  lastSeq: number;
  /** Every line ends with a newline. */
  ndjson: () => Buffer;
  /** The gzip of exactly these lines, if the store has it. */
  gzip?: Buffer;
}

interface SealedPage {
  first_seq: number;
  last_seq: number;
  gzip: Buffer;
}

/**
 * Reads the next lines after `afterSeq`, up to `throughSeq`.
 * @returns undefined if there are none, or if they are missing
 */
export function readPiece(store: Store, executionKey: number, afterSeq: number, throughSeq: number): Piece | undefined {
  // one snapshot, because the recorder may seal the rows between two statements
  return store.read(() => {
    const page = store.prepare<SealedPage>(SELECT_SEALED_PAGE).get(executionKey, afterSeq);
    if (page && page.first_seq <= afterSeq + 1) return pieceOfPage(page, afterSeq, throughSeq);
    return pieceOfRows(store, executionKey, afterSeq, Math.min(throughSeq, (page?.first_seq ?? Infinity) - 1));
  });
}

function pieceOfPage(
  { first_seq, last_seq, gzip }: SealedPage,
  afterSeq: number,
  throughSeq: number,
): Piece | undefined {
  const [firstSeq, lastSeq] = [afterSeq + 1, Math.min(last_seq, throughSeq)];
  if (lastSeq < firstSeq) return undefined;
  const ndjson = () => sliceLines(gunzipSync(gzip), firstSeq - first_seq, lastSeq - first_seq + 1);
  const isWhole = firstSeq === first_seq && lastSeq === last_seq;
  return { firstSeq, lastSeq, ndjson, ...(isWhole && { gzip }) };
}

function pieceOfRows(store: Store, executionKey: number, afterSeq: number, throughSeq: number): Piece | undefined {
  let through = Math.min(throughSeq, afterSeq + PAGE_TARGET_LINES);
  // a store from before pages were sealed may have rows of any size
  while (through > afterSeq + 1 && rowBytes(store, executionKey, afterSeq, through) > PAGE_TARGET_RAW_BYTES) {
    through = afterSeq + ((through - afterSeq) >> 1);
  }
  const rows = store.one(store.prepare<JoinedRows>(SELECT_NDJSON), executionKey, afterSeq, through);
  const { lines, last_seq: lastSeq, ndjson } = rows;
  if (lastSeq === null || lastSeq !== afterSeq + lines) return undefined;
  return { firstSeq: afterSeq + 1, lastSeq, ndjson: () => ndjson };
}

interface JoinedRows {
  lines: number;
  last_seq: number | null;
  ndjson: Buffer;
}

const NEWLINE = 0x0a;

/** @returns the lines from `from` up to but excluding `to`, counted from 0 */
export function sliceLines(ndjson: Buffer, from: number, to: number): Buffer {
  const start = startOfLine(ndjson, 0, from);
  return ndjson.subarray(start, startOfLine(ndjson, start, to - from));
}

function startOfLine(ndjson: Buffer, start: number, lines: number): number {
  let at = start;
  for (let line = 0; line < lines; line++) {
    const newline = ndjson.indexOf(NEWLINE, at);
    if (newline < 0) return ndjson.length;
    at = newline + 1;
  }
  return at;
}

/** @returns the piece's lines, each in the form that it has in a page */
export function textsOf({ ndjson }: Piece): string[] {
  return ndjson().toString().split('\n').slice(0, -1);
}

export interface Lines {
  lines: string[];
  firstSeq: number;
  lastSeq: number;
}

export interface LineBounds {
  lines: number;
  /** NDJSON bytes; a line longer than this is returned alone. */
  rawBytes: number;
}

/**
 * Reads the next lines after `afterSeq`, up to `throughSeq` and the bounds.
 * @returns undefined if there are none
 */
export function readLines(
  store: Store,
  executionKey: number,
  afterSeq: number,
  throughSeq: number,
  bounds: LineBounds,
): Lines | undefined {
  const lines: string[] = [];
  let bytes = 0;
  const end = Math.min(throughSeq, afterSeq + bounds.lines);
  for (let position = afterSeq; position < end;) {
    const piece = readPiece(store, executionKey, position, end);
    if (!piece) break;
    position = piece.lastSeq;
    for (const line of textsOf(piece)) {
      bytes += sizeOf(line);
      if (bytes > bounds.rawBytes && lines.length > 0)
        return { lines, firstSeq: afterSeq + 1, lastSeq: afterSeq + lines.length };
      lines.push(line);
    }
  }
  if (lines.length === 0) return undefined;
  return { lines, firstSeq: afterSeq + 1, lastSeq: afterSeq + lines.length };
}
