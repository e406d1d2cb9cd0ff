import type { Queryable } from '../../database.js';

/**
 * Forgets the revisions and epochs that the hive counted for a node that has spoken version 1 until now, because the
 * node brings its own from now on. Stored lines stay if the node's epoch turns out to be the one that they are stored
 * under. Call it before the node's row is updated.
 */
export async function forgetHiveRevisions(db: Queryable, nodeId: string): Promise<void> {
  const spokeV1 = await db.$queryRaw<unknown[]>`
    SELECT FROM node WHERE id = ${nodeId}::uuid AND protocol_version = 1`;
  if (spokeV1.length === 0) return;
  await db.$executeRaw`DELETE FROM backfill_request WHERE node_id = ${nodeId}::uuid`;
  await db.$executeRaw`UPDATE attempt SET revision = 0, described_revision = -1 WHERE node_id = ${nodeId}::uuid`;
  // pages of a log that a hive was staging when it died: the node's next epoch may have the same number
  await db.$executeRaw`
    DELETE FROM log_page p USING execution e
    WHERE e.node_id = ${nodeId}::uuid AND p.execution_id = e.id AND p.log_epoch > e.stored_epoch`;
  await db.$executeRaw`UPDATE execution SET revision = 0, log_epoch = 0 WHERE node_id = ${nodeId}::uuid`;
  await db.$executeRaw`
    UPDATE attempt_sync SET state = CASE WHEN state = 'complete' THEN 'partial' ELSE state END, needs_backfill = true, retry_at = NULL,
      too_large = NULL, too_large_until = NULL
    WHERE node_id = ${nodeId}::uuid AND state <> 'unavailable'`;
}
