import { Prisma } from '../database.js';
import type { OrganizationScope } from '../organization-scope.js';
import type { SyncState } from '../generated/client.js';
import { STORED_LINES } from './stored-lines.js';

export interface StoredAttemptRow {
  id: string;
  nodeId: string;
  revision: bigint;
  state: SyncState;
  executions: number;
  linesStored: bigint;
}

/** @returns how much the hive has of those of the attempts that are the organisation's */
export function listStoredAttempts(scope: OrganizationScope, ids: string[]): Promise<StoredAttemptRow[]> {
  return scope.query(Prisma.sql`
    SELECT a.id, a.node_id AS "nodeId", a.revision, s.state, counted.*
    FROM attempt a
    JOIN attempt_sync s ON s.attempt_id = a.id
    CROSS JOIN LATERAL (
      SELECT count(*)::int AS executions, coalesce(sum(${STORED_LINES}), 0)::bigint AS "linesStored"
      FROM execution e WHERE e.attempt_id = a.id AND NOT e.gone_from_node
    ) counted
    WHERE a.id = ANY (${ids}::uuid[]) AND a.organization_id = ${scope.organizationId}::uuid`);
}
