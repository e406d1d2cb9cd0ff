/** Checks one page, in a thread of its own (page-check-threads.ts). */
import { checkPageSync, PageError, type PageContent } from '../protocol/page.js';

export interface PageToCheck {
  gzip: Uint8Array;
  firstSeq: number;
  lastSeq: number;
}

/** An error loses its class between threads. */
export type CheckedInThread = { content: PageContent } | { fault: Pick<PageError, 'code' | 'message'> };

export default function check({ gzip, firstSeq, lastSeq }: PageToCheck): CheckedInThread {
  try {
    return { content: checkPageSync(Buffer.from(gzip.buffer, gzip.byteOffset, gzip.length), firstSeq, lastSeq) };
  } catch (error) {
    if (error instanceof PageError) return { fault: { code: error.code, message: error.message } };
    throw error;
  }
}
