/** Which attempts a version 1 node is asked about, because it says neither that an execution has ended, nor anything twice. */
import { Prisma, type Queryable } from '../../database.js';
import { comesAfter, type AttemptCursor } from '../list-needing-backfill.js';

/**
 * Attempts of the node with executions that run, as far as the hive knows, in the order of their ids. The conditions on
 * `e` are those of the index execution_running_idx, word for word.
 * @param after the last attempt of the former part
 */
export async function listAttemptsThatRun(
  db: Queryable,
  nodeId: string,
  after: string | undefined,
  limit: number,
): Promise<string[]> {
  const rows = await db.$queryRaw<{ attemptId: string }[]>`
    SELECT DISTINCT e.attempt_id AS "attemptId" FROM execution e JOIN attempt_sync s ON s.attempt_id = e.attempt_id
    WHERE e.node_id = ${nodeId}::uuid AND e.status = 'running' AND NOT e.gone_from_node
      AND e.attempt_id > ${after ?? '00000000-0000-0000-0000-000000000000'}::uuid
      AND s.state IN ('partial', 'pending_backfill')
    ORDER BY e.attempt_id LIMIT ${limit}`;
  return rows.map(({ attemptId }) => attemptId);
}

/** The node's attempts, newest first, without those that the node said it does not have or does not share. */
export function listAttemptsOf(
  db: Queryable,
  nodeId: string,
  after: AttemptCursor | undefined,
  limit: number,
): Promise<AttemptCursor[]> {
  return db.$queryRaw`
    SELECT a.id AS "attemptId", a.created_at::text AS "createdAt"
    FROM attempt a JOIN attempt_sync s ON s.attempt_id = a.id
    WHERE a.node_id = ${nodeId}::uuid AND s.state <> 'unavailable'
      AND ${comesAfter(Prisma.sql`(a.created_at, a.id)`, after)}
    ORDER BY a.created_at DESC, a.id DESC LIMIT ${limit}`;
}
