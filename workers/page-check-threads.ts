/**
 * Checks pulled pages outside the main thread. A page of 50 KiB becomes 250 KiB of NDJSON, and in the hive's own heap
 * that many large buffers keep the garbage collector busy (for a third of a backfill's time, docs/scaling.md).
 */
import { availableParallelism } from 'node:os';
import pLimit from 'p-limit';
import { Piscina } from 'piscina';
import { CHECKS_AT_ONCE } from '../activities/storing-pages.js';
import { checkPage, PageError, type CheckPage } from '../protocol/page.js';
import type { CheckedInThread, PageToCheck } from './page-check-thread.js';
import { builtFile } from './project-root.js';

/** Below this size, sending a page to another thread and back costs more than the check. */
const SMALL_PAGE_BYTES = 4 * 1024;
const MAX_THREADS = 4;
const IDLE_MS = 30_000;
/** The maximum number of small pages in work at once, for all nodes: 4 KiB of gzip can expand a thousandfold. */
const SMALL_PAGES_AT_ONCE = 4;

export interface PageCheckThreads {
  checkPage: CheckPage;
  stop(): Promise<void>;
}

/** Threads start when they are needed and end when they are idle. */
export function startPageCheckThreads(): PageCheckThreads {
  // the main thread needs a core of its own
  const maxThreads = Math.max(1, Math.min(MAX_THREADS, availableParallelism() - 1));
  const threads = new Piscina<PageToCheck, CheckedInThread>({
    filename: builtFile('workers/page-check-thread.js'),
    minThreads: 0,
    maxThreads,
    idleTimeout: IDLE_MS,
    // the pages that one backfill has checked at once are spread over the threads: the next page is already there while
    // the main thread is busy
    concurrentTasksPerWorker: Math.ceil(CHECKS_AT_ONCE / maxThreads),
  });
  const limitSmall = pLimit(SMALL_PAGES_AT_ONCE);
  return {
    async checkPage(page, firstSeq, lastSeq) {
      if (page.length < SMALL_PAGE_BYTES) return limitSmall(() => checkPage(page, firstSeq, lastSeq));
      const gzip = new Uint8Array(page); // a copy to hand over: the page itself is stored later
      const result = await threads.run({ gzip, firstSeq, lastSeq }, { transferList: [gzip.buffer] });
      if ('fault' in result) throw new PageError(result.fault.code, result.fault.message);
      return result.content;
    },
    stop: () => threads.destroy(),
  };
}
