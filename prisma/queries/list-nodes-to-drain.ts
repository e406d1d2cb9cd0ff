import type { Queryable } from '../database.js';

export interface NodeToDrain {
  nodeId: string;
  organizationId: string;
}

/**
 * Connected nodes with attempts that need a backfill and whose time to retry has come. In no order: where there are more
 * than the limit, those that always need one must not keep the others from their turn.
 */
export function listNodesToDrain(db: Queryable, limit: number): Promise<NodeToDrain[]> {
  return db.$queryRaw<NodeToDrain[]>`
    SELECT node.id AS "nodeId", node.organization_id AS "organizationId"
    FROM node JOIN node_lease lease ON lease.node_id = node.id AND lease.expires_at > now()
    WHERE EXISTS (SELECT FROM attempt_sync s WHERE s.node_id = node.id AND s.needs_backfill AND s.state <> 'complete'
                  AND NOT s.paused AND s.state = 'partial' AND (s.retry_at IS NULL OR s.retry_at <= now()))
    ORDER BY random() LIMIT ${limit}`;
}
