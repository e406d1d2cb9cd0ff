/** Joins the small pages that live executions leave behind, so that reading them costs what pulled ones cost. */
import type { Logger } from 'pino';
import type { Database } from '../prisma/database.js';
import {
  listCompactionCandidates,
  markCompacted,
  markSinglePaged,
  PagesChangedError,
  planCompaction,
  readPageGroup,
  replacePages,
  type CompactionCandidate,
  type PageGroup,
} from '../prisma/queries/compaction.js';
import { joinPages, PageError } from '../protocol/page.js';
import { isOver, type BoundedWork } from './bounded-work.js';

export interface Compaction extends BoundedWork {
  database: Database;
  logger: Logger;
}

export interface Compacted {
  executions: number;
  pagesBefore: number;
  pagesAfter: number;
}

const CANDIDATES_AT_ONCE = 100;

/**
 * Compacts executions until none are left or the time is up. Joins one page at a time, of at most 1,000 lines and
 * 256 KiB before gzip. Executions that are not finished stay marked for the next round.
 */
export async function compactLogs(compaction: Compaction): Promise<Compacted & { timeUp: boolean }> {
  const done: Compacted = { executions: 0, pagesBefore: 0, pagesAfter: 0 };
  let after: string | undefined;
  for (;;) {
    compaction.alive?.();
    if (isOver(compaction)) return { ...done, timeUp: true };
    const candidates = await listCompactionCandidates(compaction.database, after, CANDIDATES_AT_ONCE);
    if (candidates.length === 0) return { ...done, timeUp: isOver(compaction) };
    const single = await markSinglePaged(compaction.database, candidates);
    done.executions += single.size;
    for (const candidate of candidates.filter(({ executionId }) => !single.has(executionId))) {
      compaction.alive?.();
      if (isOver(compaction)) return { ...done, timeUp: true };
      await compactExecution(compaction, candidate, done);
    }
    after = candidates.at(-1)?.executionId;
    if (candidates.length < CANDIDATES_AT_ONCE) return { ...done, timeUp: isOver(compaction) };
  }
}

async function compactExecution(compaction: Compaction, candidate: CompactionCandidate, done: Compacted) {
  const { database, alive } = compaction;
  try {
    let next: number | undefined = 0;
    while (next !== undefined) {
      const plan: Awaited<ReturnType<typeof planCompaction>> = await planCompaction(database, candidate, next);
      for (const group of plan.groups) {
        alive?.();
        if (isOver(compaction)) return;
        if (!(await joinGroup(compaction, candidate, group))) continue;
        done.pagesBefore += group.pages;
        done.pagesAfter++;
      }
      next = plan.next;
    }
    done.executions++;
  } catch (error) {
    if (error instanceof PagesChangedError) return; // the next round looks at it again
    throw error;
  }
  await markCompacted(database, candidate);
}

/** @returns false if the pages are damaged; they stay as they are, for `hive doctor` to find */
async function joinGroup({ database, logger }: Compaction, candidate: CompactionCandidate, group: PageGroup) {
  const pages = await readPageGroup(database, candidate, group);
  if (pages.length !== group.pages) throw new PagesChangedError(candidate.executionId);
  try {
    await replacePages(database, candidate, pages, await joinPages(pages));
    return true;
  } catch (error) {
    if (!(error instanceof PageError)) throw error;
    const { executionId } = candidate;
    logger.error({ err: error, executionId, firstSeq: group.firstSeq }, 'stored pages are damaged; run `hive doctor`');
    return false;
  }
}
