import { Prisma } from '../database.js';
import type { OrganizationScope } from '../organization-scope.js';
import type { ExecutionSync } from '../../protocol/frames.js';

export interface ExecutionRow {
  id: string;
  attempt_id: string;
  node_id: string;
  ordinal: number;
  declared_lines: number;
  log_epoch: number;
  stored_lines: number;
  /** The node does not list it any more; it counts for nothing. */
  gone_from_node: boolean;
  metadata: ExecutionSync;
}

/** An attempt's executions after one, in the order the hive learnt of them, at most `limit`. */
export async function listExecutions(
  scope: OrganizationScope,
  attemptId: string,
  { afterOrdinal, limit }: { afterOrdinal: number; limit: number },
): Promise<ExecutionRow[]> {
  return scope.query(Prisma.sql`
    SELECT e.id, e.attempt_id, e.node_id, e.ordinal, e.declared_lines, e.log_epoch, e.gone_from_node, e.metadata,
           CASE WHEN e.stored_epoch = e.log_epoch THEN e.stored_lines ELSE 0 END AS stored_lines
    FROM execution e JOIN attempt a ON a.id = e.attempt_id
    WHERE e.attempt_id = ${attemptId}::uuid AND a.organization_id = ${scope.organizationId}::uuid
      AND e.ordinal > ${afterOrdinal}
    ORDER BY e.ordinal LIMIT ${limit}`);
}
