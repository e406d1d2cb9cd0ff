/** Reading log lines, in order and in bounded memory, from sealed pages and from the rows behind them. */
import { gunzipSync } from 'node:zlib';
import { PAGE_TARGET_LINES, PAGE_TARGET_RAW_BYTES } from '../../protocol/limits.js';
import type { Store } from './open.js';
import { bufferOf } from './sqlite.js';
import { SELECT_LINE_BYTES, SELECT_NDJSON, SELECT_SEALED_PAGE } from './sql.js';

/** @returns the size of an encoded line in NDJSON */
export function lineBytes(line: string): number {
  return Buffer.byteLength(line) + 1;
}

/** @returns the size of the rows of these lines in NDJSON */
export function rowBytes(store: Store, executionKey: number, after: number, through: number): number {
  return store.value(SELECT_LINE_BYTES, executionKey, after, through) as number;
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
  gzip: Uint8Array;
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
  { first_seq, last_seq, gzip: blob }: SealedPage,
  afterSeq: number,
  throughSeq: number,
): Piece | undefined {
  const [firstSeq, lastSeq] = [afterSeq + 1, Math.min(last_seq, throughSeq)];
  if (lastSeq < firstSeq) return undefined;
  const gzip = bufferOf(blob);
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
  const rows = store.one<JoinedRows>(SELECT_NDJSON, executionKey, afterSeq, through);
  const { lines, last_seq: lastSeq, ndjson } = rows;
  if (lastSeq === null || lastSeq !== afterSeq + lines) return undefined;
  return { firstSeq: afterSeq + 1, lastSeq, ndjson: () => bufferOf(ndjson) };
}

interface JoinedRows {
  lines: number;
  last_seq: number | null;
  ndjson: Uint8Array;
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
      bytes += lineBytes(line);
      if (bytes > bounds.rawBytes && lines.length > 0)
        return { lines, firstSeq: afterSeq + 1, lastSeq: afterSeq + lines.length };
      lines.push(line);
    }
  }
  if (lines.length === 0) return undefined;
  return { lines, firstSeq: afterSeq + 1, lastSeq: afterSeq + lines.length };
}
