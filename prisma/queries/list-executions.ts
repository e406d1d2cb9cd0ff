import { Prisma } from '../database.js';
import type { OrganizationScope } from '../organization-scope.js';
import type { ExecutionSync } from '../../protocol/frames.js';
import { STORED_LINES } from './stored-lines.js';

export interface ExecutionRow {
  id: string;
  attemptId: string;
  nodeId: string;
  ordinal: number;
  declaredLines: number;
  logEpoch: number;
  storedLines: number;
  /** The node no longer lists it, so it counts for nothing. */
  goneFromNode: boolean;
  metadata: ExecutionSync;
}

/** An attempt's executions after one, at most `limit`, in the order in which the hive learnt of them. */
export async function listExecutions(
  scope: OrganizationScope,
  attemptId: string,
  { afterOrdinal, limit }: { afterOrdinal: number; limit: number },
): Promise<ExecutionRow[]> {
  return scope.query(Prisma.sql`
    SELECT e.id, e.attempt_id AS "attemptId", e.node_id AS "nodeId", e.ordinal, e.declared_lines AS "declaredLines",
           e.log_epoch AS "logEpoch", ${STORED_LINES} AS "storedLines", e.gone_from_node AS "goneFromNode", e.metadata
    FROM execution e JOIN attempt a ON a.id = e.attempt_id
    WHERE e.attempt_id = ${attemptId}::uuid AND a.organization_id = ${scope.organizationId}::uuid
      AND e.ordinal > ${afterOrdinal}
    ORDER BY e.ordinal LIMIT ${limit}`);
}
