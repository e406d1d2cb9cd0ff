/**
 * Joining the small pages of executions that have ended: which to look at, what to read, and how pages are replaced.
 */
import { PAGE_TARGET_LINES, PAGE_TARGET_RAW_BYTES } from '../../protocol/limits.js';
import type { NumberedPage, PageContent } from '../../protocol/page.js';
import { Prisma, type Database, type Queryable } from '../database.js';
import { IS_WHOLE } from './stored-lines.js';

/** An execution that has ended and has all its lines stored. */
export interface CompactionCandidate {
  executionId: string;
  epoch: number;
}

/** Executions whose pages have not been looked at since all of their lines were stored, by id. */
export function listCompactionCandidates(
  db: Queryable,
  afterExecutionId: string | undefined,
  limit: number,
): Promise<CompactionCandidate[]> {
  return db.$queryRaw`
    SELECT e.id AS "executionId", e.stored_epoch AS epoch FROM execution e
    WHERE e.status <> 'running' AND e.compacted_epoch IS DISTINCT FROM e.stored_epoch AND ${IS_WHOLE}
      ${afterExecutionId === undefined ? Prisma.empty : Prisma.sql`AND e.id > ${afterExecutionId}::uuid`}
    ORDER BY e.id LIMIT ${limit}`;
}

/**
 * Marks the candidates with one page or none as compacted, because there is nothing to join. A row that another
 * transaction has locked is left for the next time, so that locking a hundred rows never waits.
 * @returns the ids of those that were marked
 */
export async function markSinglePaged(db: Queryable, candidates: CompactionCandidate[]): Promise<Set<string>> {
  const marked = await db.$queryRaw<{ id: string }[]>`
    WITH single AS (
      SELECT e.id FROM execution e
      JOIN unnest(${candidates.map(({ executionId }) => executionId)}::uuid[], ${candidates.map(({ epoch }) => epoch)}::int[])
        AS c (id, epoch) ON c.id = e.id AND c.epoch = e.stored_epoch
      WHERE e.status <> 'running' AND ${IS_WHOLE} AND NOT EXISTS (
        SELECT FROM log_page p WHERE p.execution_id = e.id AND p.log_epoch = e.stored_epoch AND p.first_seq > 1)
      FOR NO KEY UPDATE OF e SKIP LOCKED
    )
    UPDATE execution e SET compacted_epoch = e.stored_epoch FROM single WHERE e.id = single.id
    RETURNING e.id`;
  return new Set(marked.map(({ id }) => id));
}

/** Consecutive lines that are in several pages and fit into one. */
export interface PageGroup {
  firstSeq: number;
  lastSeq: number;
  pages: number;
}

/** How many pages are looked at in one go. A group has at most PAGE_TARGET_LINES pages, so it always fits. */
const WINDOW_PAGES = 4 * PAGE_TARGET_LINES;

/**
 * Groups the execution's pages after a line so that each group fits into one page and has as many whole pages as fit.
 * @returns the groups of two or more pages, and the line to go on after; `next` is absent if there are no more pages
 */
export async function planCompaction(
  db: Queryable,
  { executionId, epoch }: CompactionCandidate,
  afterSeq: number,
): Promise<{ groups: PageGroup[]; next?: number }> {
  const pages = await db.$queryRaw<{ firstSeq: number; lastSeq: number; rawBytes: number }[]>`
    SELECT first_seq AS "firstSeq", last_seq AS "lastSeq", raw_bytes AS "rawBytes" FROM log_page
    WHERE execution_id = ${executionId}::uuid AND log_epoch = ${epoch} AND first_seq > ${afterSeq}
    ORDER BY first_seq LIMIT ${WINDOW_PAGES}`;
  const groups: (PageGroup & { rawBytes: number })[] = [];
  for (const page of pages) {
    const group = groups.at(-1);
    if (
      group?.lastSeq === page.firstSeq - 1 &&
      page.lastSeq - group.firstSeq < PAGE_TARGET_LINES &&
      group.rawBytes + page.rawBytes <= PAGE_TARGET_RAW_BYTES
    ) {
      group.lastSeq = page.lastSeq;
      group.rawBytes += page.rawBytes;
      group.pages++;
    } else {
      groups.push({ ...page, pages: 1 });
    }
  }
  const cut = pages.length === WINDOW_PAGES ? groups.pop() : undefined; // the next window may continue it
  return {
    groups: groups.filter((group) => group.pages > 1),
    ...(cut && { next: cut.firstSeq - 1 }),
  };
}

/** The pages of a group, as they are now. */
export async function readPageGroup(
  db: Queryable,
  { executionId, epoch }: CompactionCandidate,
  { firstSeq, lastSeq }: PageGroup,
): Promise<NumberedPage[]> {
  return db.$queryRaw`
    SELECT first_seq AS "firstSeq", last_seq AS "lastSeq", gzip FROM log_page
    WHERE execution_id = ${executionId}::uuid AND log_epoch = ${epoch}
      AND first_seq >= ${firstSeq} AND last_seq <= ${lastSeq}
    ORDER BY first_seq`;
}

/**
 * The execution's pages have changed since they were read: a new epoch replaced them, or another compaction was faster.
 */
export class PagesChangedError extends Error {
  override readonly name = 'PagesChangedError';
  readonly code = 'pages_changed';
  constructor(readonly executionId: string) {
    super(`pages of execution ${executionId} have changed`);
  }
}

/**
 * Replaces pages by the one that they were joined to, under the lock that storing a page takes. A reader's statement
 * sees either the old pages or the new one.
 * @throws PagesChangedError and nothing is written
 */
export function replacePages(
  db: Database,
  { executionId, epoch }: CompactionCandidate,
  pages: NumberedPage[],
  joined: { gzip: Buffer; content: PageContent },
): Promise<void> {
  const firstSeqs = pages.map((page) => page.firstSeq);
  const lastSeqs = pages.map((page) => page.lastSeq);
  const { rawBytes, lineCounts } = joined.content;
  return db.$transaction(async (tx) => {
    // metadata skips an attempt that is locked, and would wait for an execution
    await tx.$queryRaw`
      SELECT 1 FROM attempt WHERE id = (SELECT attempt_id FROM execution WHERE id = ${executionId}::uuid) FOR UPDATE`;
    const [locked] = await tx.$queryRaw<unknown[]>`
      SELECT 1 FROM execution
      WHERE id = ${executionId}::uuid AND stored_epoch = ${epoch} AND log_epoch = ${epoch} AND status <> 'running'
      FOR NO KEY UPDATE`;
    if (locked === undefined) throw new PagesChangedError(executionId);
    const deleted = await tx.$executeRaw`
      DELETE FROM log_page p USING unnest(${firstSeqs}::int[], ${lastSeqs}::int[]) AS old (first_seq, last_seq)
      WHERE p.execution_id = ${executionId}::uuid AND p.log_epoch = ${epoch}
        AND p.first_seq = old.first_seq AND p.last_seq = old.last_seq`;
    if (deleted !== pages.length) throw new PagesChangedError(executionId);
    await tx.$executeRaw`
      INSERT INTO log_page (execution_id, log_epoch, first_seq, last_seq, stdout_lines, stderr_lines, system_lines, raw_bytes, gzip)
      VALUES (${executionId}::uuid, ${epoch}, ${firstSeqs[0]}::int, ${lastSeqs.at(-1)}::int,
              ${lineCounts.stdout}, ${lineCounts.stderr}, ${lineCounts.system}, ${rawBytes}, ${joined.gzip}::bytea)`;
  });
}

/** Notes that nothing is left to join in this epoch. */
export async function markCompacted(db: Queryable, { executionId, epoch }: CompactionCandidate): Promise<void> {
  await db.$executeRaw`
    UPDATE execution SET compacted_epoch = ${epoch}
    WHERE id = ${executionId}::uuid AND stored_epoch = ${epoch} AND status <> 'running'`;
}
