/** What a process that searches has: threads, or for tests the thread that it runs in. */
import { compileQuery } from './compile-query.js';
import { searchLines, type FoundInLines, type PartOfLog, type ReadPages } from './search-lines.js';
import type { SearchQuery } from './search-query.js';

export interface Searcher {
  /**
   * Resolves if the query can be answered.
   * @throws QueryError if not
   */
  check(query: SearchQuery, signal: AbortSignal): Promise<void>;
  /**
   * Searches some lines of a log.
   * @param signal ends the work, even in the middle of a line
   * @throws QueryError if it takes far too long, or more memory than a thread may have
   */
  search(query: SearchQuery, part: PartOfLog, signal: AbortSignal): Promise<FoundInLines>;
  /** Has searches in other threads wait for a short request. @returns to be called when it was answered */
  giveWay(): () => void;
}

export function searchHere(read: ReadPages): Searcher {
  return {
    check: (query) => asPromise(() => void compileQuery(query)),
    async search(query, part, signal) {
      await Promise.resolve();
      signal.throwIfAborted();
      return searchLines(compileQuery(query), part, read);
    },
    giveWay: () => () => undefined,
  };
}

async function asPromise<T>(work: () => T): Promise<T> {
  await Promise.resolve();
  return work();
}
