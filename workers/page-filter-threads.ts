/** Makes filters of pages outside the main thread, one page at a time: indexing takes at most a core. */
import { Piscina } from 'piscina';
import type { BuildPageFilter } from '../activities/index-logs.js';
import { PageError } from '../protocol/page.js';
import type { FilteredInThread, PageToFilter } from './page-filter-thread.js';
import { builtFile } from './project-root.js';

const IDLE_MS = 30_000;
/** The thread has the next page already when it is done with one. */
const PAGES_AT_ONCE = 2;

export interface PageFilterThreads {
  buildPageFilter: BuildPageFilter;
  stop(): Promise<void>;
}

/** The thread starts when it is needed and ends when it is idle. */
export function startPageFilterThreads(): PageFilterThreads {
  const threads = new Piscina<PageToFilter, FilteredInThread>({
    filename: builtFile('workers/page-filter-thread.js'),
    minThreads: 0,
    maxThreads: 1,
    idleTimeout: IDLE_MS,
    concurrentTasksPerWorker: PAGES_AT_ONCE,
  });
  return {
    async buildPageFilter({ gzip, firstSeq, lastSeq }) {
      const result = await threads.run({ gzip, firstSeq, lastSeq });
      if ('fault' in result) throw new PageError(result.fault.code, result.fault.message);
      return result.filter;
    },
    stop: () => threads.destroy(),
  };
}
