/** What a process that searches has: threads, or for tests the thread that it runs in. */
import { compileQuery } from './compile-query.js';
import { searchPages, type FoundInPart, type SearchedPart } from './search-pages.js';
import type { SearchQuery } from './search-query.js';

export interface Searcher {
  /**
   * Resolves if the query can be answered.
   * @throws QueryError if not
   */
  check(query: SearchQuery, signal: AbortSignal): Promise<void>;
  /**
   * Searches some pages.
   * @param signal ends the work, even in the middle of a line
   * @throws QueryError if it takes far too long, or more memory than a thread may have
   */
  search(query: SearchQuery, part: SearchedPart, signal: AbortSignal): Promise<FoundInPart>;
}

export const searchHere: Searcher = {
  check: (query) => asPromise(() => void compileQuery(query)),
  search: (query, part, signal) =>
    asPromise(() => {
      signal.throwIfAborted();
      return searchPages(compileQuery(query), part);
    }),
};

async function asPromise<T>(work: () => T): Promise<T> {
  await Promise.resolve();
  return work();
}
