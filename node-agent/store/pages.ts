/** An execution's lines as log pages, compressed while the caller still sends the page before. */
import { PAGE_TARGET_LINES, PAGE_TARGET_RAW_BYTES } from '../../protocol/limits.js';
import { encodePage } from '../../protocol/page.js';
import { NodeAgentError } from '../errors.js';
import { readLines, type PageBounds, type RawPage } from './lines.js';
import type { Store } from './open.js';

export interface Page {
  firstSeq: number;
  lastSeq: number;
  gzip: Buffer;
}

export const PAGE_TARGET: PageBounds = { lines: PAGE_TARGET_LINES, rawBytes: PAGE_TARGET_RAW_BYTES };
/** Pages compressed ahead of the one that is being sent: enough to keep a second core busy, and a bound on memory. */
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
        const raw = readLines(store, executionKey, position, throughSeq, PAGE_TARGET);
        if (!raw) break;
        position = raw.lastSeq;
        const pages = compress(raw, maxGzipBytes);
        pages.catch(() => undefined); // thrown where it is awaited, which may be later than a rejection may stay unseen
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

/** The lines as one page, or as several where gzip does not bring them under `maxGzipBytes`. */
export async function compress({ lines, firstSeq, lastSeq }: RawPage, maxGzipBytes: number): Promise<Page[]> {
  const gzip = await encodePage(lines.join('\n'));
  if (gzip.length <= maxGzipBytes) return [{ firstSeq, lastSeq, gzip }];
  if (lines.length === 1) {
    throw new NodeAgentError(
      'line_too_large',
      `line ${firstSeq} needs ${gzip.length} bytes, more than a page of ${maxGzipBytes} bytes can hold`,
    );
  }
  const half = lines.length >> 1;
  const first = { lines: lines.slice(0, half), firstSeq, lastSeq: firstSeq + half - 1 };
  const second = { lines: lines.slice(half), firstSeq: firstSeq + half, lastSeq };
  return [...(await compress(first, maxGzipBytes)), ...(await compress(second, maxGzipBytes))];
}
