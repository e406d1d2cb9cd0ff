/** The executions whose pages are to get filters. */
import { Prisma, type Queryable } from '../../database.js';
import { IS_WHOLE } from '../stored-lines.js';

export interface AwaitingExecution {
  executionId: string;
  /** Text, in microseconds. */
  since: string;
}

/** Those that have waited longest. */
export function listFilterBacklog(db: Queryable, limit: number): Promise<AwaitingExecution[]> {
  return db.$queryRaw`
    SELECT execution_id AS "executionId", since::text FROM page_filter_backlog ORDER BY page_filter_backlog.since LIMIT ${limit}`;
}

/** Removes those that have not come anew since they were listed. */
export async function endFilterBacklog(db: Queryable, done: AwaitingExecution[]): Promise<void> {
  await db.$executeRaw`
    DELETE FROM page_filter_backlog b
    USING unnest(${done.map(({ executionId }) => executionId)}::uuid[], ${done.map(({ since }) => since)}::timestamptz[])
      AS done (id, since)
    WHERE b.execution_id = done.id AND b.since = done.since`;
}

export async function countFilterBacklog(db: Queryable): Promise<number> {
  const [row] = await db.$queryRaw<{ count: bigint }[]>`SELECT count(*) FROM page_filter_backlog`;
  return Number(row?.count ?? 0);
}

/** An execution that has got no line for this long may never get all. */
const QUIET = Prisma.sql`interval '1 hour'`;

/**
 * Adds executions that have ended without all of their lines, and so are not compacted. If they get more lines later,
 * compaction adds them again.
 */
export async function addIncompleteExecutions(db: Queryable, limit: number): Promise<number> {
  return db.$executeRaw`
    INSERT INTO page_filter_backlog (execution_id)
    SELECT e.id FROM execution e
    CROSS JOIN LATERAL (
      SELECT p.first_seq, p.stored_at FROM log_page p
      WHERE p.execution_id = e.id AND p.log_epoch = e.stored_epoch ORDER BY p.first_seq DESC LIMIT 1) last
    WHERE e.status <> 'running' AND e.attempt_id IS NOT NULL AND e.compacted_epoch IS DISTINCT FROM e.stored_epoch AND NOT ${IS_WHOLE}
      AND last.stored_at < now() - ${QUIET}
      AND NOT EXISTS (
        SELECT FROM page_filter f
        WHERE f.execution_id = e.id AND f.log_epoch = e.stored_epoch AND f.first_seq = last.first_seq)
    LIMIT ${limit}
    ON CONFLICT DO NOTHING`;
}
