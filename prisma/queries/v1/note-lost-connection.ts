import type { ExecutionSync } from '../../../protocol/frames.js';
import { toTimestamp } from '../../../protocol/time.js';
import type { Database, Queryable } from '../../database.js';
import { lockSession, type SessionFence } from '../../session.js';
import { RETRY_AT_ONCE } from '../too-large.js';
import { computeSync, lockAttempts } from '../attempt-state.js';

/**
 * An original node writes an execution's lines after its end, and pushes them over the following minutes. Those of an
 * execution that ended no longer than this before the node was last heard may have been on their way.
 */
const LATE_LINES_MINUTES = 10;

/**
 * Notes, at a version 1 node's login, what may have been lost with its last connection: the node pushes each line once,
 * and whatever it had written to the old socket and the hive had not read is gone. Running executions get a gap, which
 * only a whole backfill closes. Attempts that had become complete shortly before need another backfill.
 * @throws SupersededError
 */
export async function noteLostConnection(db: Database, session: SessionFence): Promise<void> {
  const running = (await listRunning(db, session)).filter(({ metadata }) => !metadata.dropped);
  const complete = await listCompletedLately(db, session);
  const attemptIds = [...new Set([...running.map(({ attemptId }) => attemptId), ...complete])];
  if (attemptIds.length === 0) return;
  await db.$transaction(async (tx) => {
    await lockAttempts(tx, attemptIds);
    await lockSession(tx, session);
    await tx.$executeRaw`
      UPDATE execution SET has_gap = true WHERE id = ANY (${running.map(({ id }) => id)}::uuid[]) AND status = 'running'`;
    await tx.$executeRaw`
      UPDATE attempt SET revision = revision + 1
      WHERE id = ANY (${complete}::uuid[]) AND described_revision >= revision`;
    await tx.$executeRaw`
      UPDATE attempt_sync SET retry_at = ${RETRY_AT_ONCE}, idle_backfills = 0
      WHERE attempt_id = ANY (${attemptIds}::uuid[]) AND state <> 'unavailable'`;
    await computeSync(tx, attemptIds);
  });
}

async function listRunning(db: Queryable, { nodeId }: SessionFence) {
  const rows = await db.$queryRaw<{ id: string; attemptId: string; metadata: string }[]>`
    SELECT id, attempt_id AS "attemptId", metadata::text AS metadata FROM execution
    WHERE node_id = ${nodeId}::uuid AND status = 'running' AND NOT gone_from_node`;
  return rows.map((row) => ({ ...row, metadata: JSON.parse(row.metadata) as ExecutionSync }));
}

/** Complete attempts with an execution that ended shortly before the node was last heard, by the node's clock. */
async function listCompletedLately(db: Queryable, { nodeId }: SessionFence): Promise<string[]> {
  const rows = await db.$queryRaw<{ attemptId: string; since: Date; metadata: string }[]>`
    WITH late AS (
      SELECT a.id, n.former_heard_at - make_interval(mins => ${LATE_LINES_MINUTES}) AS since
      FROM node n JOIN attempt a ON a.node_id = n.id JOIN attempt_sync s ON s.attempt_id = a.id
      WHERE n.id = ${nodeId}::uuid AND s.state = 'complete'
        AND s.last_full_sync_at > n.former_heard_at - make_interval(mins => ${LATE_LINES_MINUTES})
    )
    SELECT late.id AS "attemptId", late.since, e.metadata::text AS metadata
    FROM late JOIN execution e ON e.attempt_id = late.id AND NOT e.gone_from_node`;
  const endedLately = rows.filter(({ since, metadata }) => {
    const { completed_at: completedAt } = JSON.parse(metadata) as ExecutionSync;
    return completedAt != null && Date.parse(toTimestamp(completedAt)) > since.getTime();
  });
  return [...new Set(endedLately.map(({ attemptId }) => attemptId))];
}
