/** Searches outside the main thread: to read, gunzip and compare a long log takes seconds of CPU. */
import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import type { FoundInLines, PartOfLog } from '../search/search-lines.js';
import { RightOfWay } from '../search/right-of-way.js';
import { QueryError, type SearchQuery } from '../search/search-query.js';
import type { Searcher } from '../search/searcher.js';
import { builtFile } from './project-root.js';
import type { FailedRead, FoundInThread, PartToSearch, SearchThreadData } from './search-thread.js';

const MAX_THREADS = 8;
const IDLE_MS = 60_000;
/** A regular expression that needs more than this for a part, or to be compiled, is given up. */
const PART_MS = 30_000;
/** What one thread may keep; a page has at most 8 MiB. */
const THREAD_MEMORY_MIB = 512;

export interface SearchThreads extends Searcher {
  stop(): Promise<void>;
}

/** A thread could not read from the database. */
class SearchReadError extends Error {
  override readonly name = 'SearchReadError';
  constructor({ message, ...fields }: FailedRead) {
    super(message);
    Object.assign(this, fields);
  }
}

type Threads = Piscina<PartToSearch, FoundInThread>;

/**
 * Threads start when they are needed. One stays, so that the next search begins at once. Regular expressions have
 * threads of their own: one that is slow to compare holds up no text. Each has a connection to the database while it
 * is in use.
 */
export function startSearchThreads(databaseUrl: string): SearchThreads {
  const rightOfWay = new RightOfWay();
  const workerData: SearchThreadData = { databaseUrl, shortRequests: rightOfWay.requests };
  let forTexts: Threads | undefined;
  let forExpressions: Threads | undefined;
  const start = (): Threads =>
    new Piscina({
      filename: builtFile('workers/search-thread.js'),
      minThreads: 1,
      // all cores: the threads give way by their niceness
      maxThreads: Math.min(MAX_THREADS, availableParallelism()),
      idleTimeout: IDLE_MS,
      workerData,
      // a thread that has nothing to do would otherwise not see that its connection has been idle or has ended
      atomics: 'disabled',
      resourceLimits: { maxOldGenerationSizeMb: THREAD_MEMORY_MIB },
    });
  const run = async (work: PartToSearch, signal: AbortSignal): Promise<FoundInLines | undefined> => {
    // a text is always soon compared, even if the machine is too busy for it now
    const tooLong = work.query.regex ? AbortSignal.timeout(PART_MS) : new AbortController().signal;
    try {
      const transferList = (work.part?.read?.pages ?? []).flatMap(({ gzip }) =>
        gzip ? [gzip.buffer as ArrayBuffer] : [],
      );
      const threads = work.query.regex ? (forExpressions ??= start()) : (forTexts ??= start());
      const result = await threads.run(work, { transferList, signal: AbortSignal.any([signal, tooLong]) });
      if ('fault' in result) throw new QueryError(result.fault);
      if ('failedRead' in result) throw new SearchReadError(result.failedRead);
      return result.found;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (tooLong.aborted) throw new QueryError('takes too long to compare; make it simpler');
      if ((error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY') {
        throw new QueryError('takes too much memory to compare; make it simpler');
      }
      throw error;
    }
  };
  return {
    async check(query: SearchQuery, signal) {
      await run({ query }, signal);
    },
    async search(query, { read, ...part }: PartOfLog, signal) {
      // copies to hand over: a small Buffer is a part of a larger one, which would go with it
      const copied = read?.pages.map((page) => ({ ...page, gzip: page.gzip && new Uint8Array(page.gzip) }));
      const given = read && copied ? { read: { ...read, pages: copied } } : {};
      const found = await run({ query, part: { ...part, ...given } }, signal);
      if (!found) throw new Error('a thread has not searched its part');
      return found;
    },
    giveWay: () => rightOfWay.take(),
    stop: async () => {
      await Promise.all([forTexts?.destroy(), forExpressions?.destroy()]);
    },
  };
}
