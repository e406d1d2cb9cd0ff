import type { Queryable } from '../database.js';

/** Which of the nodes have attempts that wait for a backfill, or are in one. */
export async function stillToDrain(db: Queryable, nodeIds: string[]): Promise<string[]> {
  const rows = await db.$queryRaw<{ nodeId: string }[]>`
    SELECT node.id AS "nodeId" FROM unnest(${nodeIds}::uuid[]) AS node (id)
    WHERE EXISTS (SELECT FROM attempt_sync s WHERE s.node_id = node.id AND s.needs_backfill AND s.state <> 'complete'
                  AND NOT s.paused AND (s.retry_at IS NULL OR s.retry_at <= now()))`;
  return rows.map((row) => row.nodeId);
}
