/** Makes the filter of one page, in a thread of its own (page-filter-threads.ts). */
import { PageError } from '../protocol/page.js';
import { buildPageFilter, type PageFilter } from '../search/page-filter.js';
import { giveWay } from './low-priority.js';

/** Nobody waits for a filter: what else the machine has to do goes first. */
const NICENESS = 10;

export interface PageToFilter {
  gzip: Uint8Array;
  firstSeq: number;
  lastSeq: number;
}

/** An error loses its class between threads. */
export type FilteredInThread = { filter: PageFilter | undefined } | { fault: Pick<PageError, 'code' | 'message'> };

giveWay(NICENESS);

export default async function filter({ gzip, firstSeq, lastSeq }: PageToFilter): Promise<FilteredInThread> {
  try {
    const page = { gzip: Buffer.from(gzip.buffer, gzip.byteOffset, gzip.length), firstSeq, lastSeq };
    return { filter: await buildPageFilter(page) };
  } catch (error) {
    if (error instanceof PageError) return { fault: { code: error.code, message: error.message } };
    throw error;
  }
}
