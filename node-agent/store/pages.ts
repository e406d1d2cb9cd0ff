/** Makes log pages of an execution's lines, while the caller still sends the previous page. */
import { encodePage } from '../../protocol/page.js';
import { NodeAgentError } from '../errors.js';
import { readPiece, sliceLines, type Piece } from './read-lines.js';
import type { Store } from './open.js';

export interface Page {
  firstSeq: number;
  lastSeq: number;
  gzip: Buffer;
}

/** Pieces read ahead of the one that is being sent: enough to keep a second core busy, and a bound on memory. */
const READ_AHEAD = 2;

/**
 * Pages of the lines after `afterSeq` up to `throughSeq`, in order, each of at most `maxGzipBytes`.
 * Ends early when lines are missing (the execution was removed meanwhile).
 * @throws NodeAgentError `line_too_large`
 */
export async function* readPages(
  store: Store,
  executionKey: number,
  afterSeq: number,
  throughSeq: number,
  maxGzipBytes: number,
): AsyncGenerator<Page, void, undefined> {
  const ahead: Promise<Page[]>[] = [];
  let position = afterSeq;
  try {
    for (;;) {
      while (ahead.length <= READ_AHEAD && position < throughSeq) {
        const piece = readPiece(store, executionKey, position, throughSeq);
        if (!piece) break;
        position = piece.lastSeq;
        const pages = makePages(piece, maxGzipBytes);
        pages.catch(() => undefined); // thrown where it is awaited; until then it must not count as an unhandled rejection
        ahead.push(pages);
      }
      const next = ahead.shift();
      if (!next) return;
      yield* await next;
    }
  } finally {
    await Promise.allSettled(ahead);
  }
}

/** Makes one page of the lines, or several if their gzip is larger than `maxGzipBytes`. */
export async function makePages(piece: Piece, maxGzipBytes: number): Promise<Page[]> {
  const { firstSeq, lastSeq } = piece;
  if (piece.gzip && piece.gzip.length <= maxGzipBytes) return [{ firstSeq, lastSeq, gzip: piece.gzip }];
  return compress(piece.ndjson(), firstSeq, lastSeq, maxGzipBytes);
}

async function compress(ndjson: Buffer, firstSeq: number, lastSeq: number, maxGzipBytes: number): Promise<Page[]> {
  const gzip = await encodePage(ndjson);
  if (gzip.length <= maxGzipBytes) return [{ firstSeq, lastSeq, gzip }];
  const lines = lastSeq - firstSeq + 1;
  if (lines === 1) {
    throw new NodeAgentError(
      'line_too_large',
      `line ${firstSeq} needs ${gzip.length} bytes, more than a page of ${maxGzipBytes} bytes can hold`,
    );
  }
  const half = lines >> 1;
  const middle = firstSeq + half;
  return [
    ...(await compress(sliceLines(ndjson, 0, half), firstSeq, middle - 1, maxGzipBytes)),
    ...(await compress(sliceLines(ndjson, half, lines), middle, lastSeq, maxGzipBytes)),
  ];
}
