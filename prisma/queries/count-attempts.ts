import { Prisma } from '../database.js';
import type { ExecutionStatus, SyncState } from '../../protocol/frames.js';
import type { OrganizationScope } from '../organization-scope.js';
import { attemptConditions, type AttemptFilter } from './attempt-filter.js';

export interface AttemptCount {
  /** Null: without executions. */
  status: ExecutionStatus | null;
  syncState: SyncState;
  attempts: bigint;
}

/** Counts attempts by their states. Without a filter, kept counters answer. */
export function countAttempts(scope: OrganizationScope, filter: AttemptFilter): Promise<AttemptCount[]> {
  const conditions = attemptConditions(filter);
  if (conditions.length === 0) return scope.query(KEPT(scope));
  return scope.query(Prisma.sql`
    SELECT c.status, c.sync_state AS "syncState", count(*) AS attempts
    FROM attempt_change c JOIN attempt a ON a.id = c.attempt_id JOIN attempt_sync s ON s.attempt_id = c.attempt_id
    WHERE a.organization_id = ${scope.organizationId}::uuid AND c.organization_id = ${scope.organizationId}::uuid
      AND ${Prisma.join(conditions, ' AND ')}
    GROUP BY c.status, c.sync_state`);
}

const KEPT = ({ organizationId }: OrganizationScope) => Prisma.sql`
  SELECT NULLIF(status, '') AS status, sync_state AS "syncState", attempts FROM attempt_count
  WHERE organization_id = ${organizationId}::uuid AND attempts > 0`;
