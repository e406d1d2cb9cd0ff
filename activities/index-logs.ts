/** Gives the pages of ended executions the filters by which a search in all attempts opens few of them. */
import type { Logger } from 'pino';
import { Counter } from 'prom-client';
import type { Database } from '../prisma/database.js';
import {
  addIncompleteExecutions,
  endFilterBacklog,
  listFilterBacklog,
  type AwaitingExecution,
} from '../prisma/queries/search/filter-backlog.js';
import {
  listPagesWithoutFilter,
  readPages,
  storePageFilters,
  type FilterlessPage,
  type MadeFilter,
  type StoredPage,
} from '../prisma/queries/search/page-filters.js';
import { PageError, type NumberedPage } from '../protocol/page.js';
import { buildPageFilter, type PageFilter } from '../search/page-filter.js';
import { isOver, type BoundedWork } from './bounded-work.js';

/** @throws PageError if the page is damaged */
export type BuildPageFilter = (page: NumberedPage) => Promise<PageFilter | undefined>;

export interface Indexing extends BoundedWork {
  database: Database;
  logger: Logger;
  /** @default in this thread */
  buildPageFilter?: BuildPageFilter;
}

export interface Indexed {
  executions: number;
  pages: number;
  /** Pages that got no filter: damaged, or with too many words. Every search opens them. */
  unfiltered: number;
}

const pagesIndexed = new Counter({
  name: 'search_index_pages_total',
  help: 'Log pages that this process has indexed for search, by outcome: filtered, or unfiltered if every search opens them.',
  labelNames: ['outcome'],
});

const EXECUTIONS_AT_ONCE = 100;
const PAGES_LISTED = 256;
/** Of pages that are read at once, before gzip. */
const READ_BYTES = 4 * 1024 * 1024;

/** Indexes executions until none are left or the time is up. What is not finished stays for the next round. */
export async function indexLogs(indexing: Indexing): Promise<Indexed & { timeUp: boolean }> {
  const done: Indexed = { executions: 0, pages: 0, unfiltered: 0 };
  await addIncompleteExecutions(indexing.database, EXECUTIONS_AT_ONCE);
  for (;;) {
    indexing.alive?.();
    if (isOver(indexing)) return { ...done, timeUp: true };
    const awaiting = await listFilterBacklog(indexing.database, EXECUTIONS_AT_ONCE);
    if (awaiting.length === 0) return { ...done, timeUp: false };
    if (!(await indexExecutions(indexing, awaiting, done))) return { ...done, timeUp: true };
    await endFilterBacklog(indexing.database, awaiting);
    done.executions += awaiting.length;
  }
}

/** @returns false if the time was up first */
async function indexExecutions(indexing: Indexing, awaiting: AwaitingExecution[], done: Indexed): Promise<boolean> {
  const ids = awaiting.map(({ executionId }) => executionId);
  let after: FilterlessPage | undefined;
  for (;;) {
    const listed = await listPagesWithoutFilter(indexing.database, ids, after, PAGES_LISTED);
    for (const group of groupBySize(listed)) {
      indexing.alive?.();
      if (isOver(indexing)) return false;
      const made = await makeFilters(indexing, await readPages(indexing.database, group));
      const stored = await storePageFilters(indexing.database, made);
      const unfiltered = made.filter(({ filter }) => !filter).length;
      done.pages += stored;
      done.unfiltered += unfiltered;
      pagesIndexed.inc({ outcome: 'filtered' }, made.length - unfiltered);
      pagesIndexed.inc({ outcome: 'unfiltered' }, unfiltered);
    }
    if (listed.length < PAGES_LISTED) return true;
    after = listed.at(-1);
  }
}

function groupBySize(pages: FilterlessPage[]): FilterlessPage[][] {
  const groups: FilterlessPage[][] = [];
  let bytes = Infinity;
  for (const page of pages) {
    if ((bytes += page.rawBytes) > READ_BYTES) {
      groups.push([]);
      bytes = page.rawBytes;
    }
    groups.at(-1)?.push(page);
  }
  return groups;
}

function makeFilters({ buildPageFilter: build = buildPageFilter, logger }: Indexing, pages: StoredPage[]) {
  return Promise.all(
    pages.map(async (page): Promise<MadeFilter> => {
      try {
        return { page, filter: await build(page) };
      } catch (error) {
        if (!(error instanceof PageError)) throw error;
        const { executionId, firstSeq } = page;
        logger.error({ err: error, executionId, firstSeq }, 'a stored page is damaged; run `hive doctor`');
        return { page, filter: undefined };
      }
    }),
  );
}
