import { Prisma } from '../database.js';
import type { SyncState } from '../generated/client.js';
import type { OrganizationScope } from '../organization-scope.js';
import { ATTEMPT_COLUMNS, type AttemptRow } from './find-attempt.js';

/** A place in the order of attempts: created_at (text, in microseconds) and id of the last one that was read. */
export interface AttemptPosition {
  createdAt: string;
  id: string;
}

export interface AttemptFilter {
  nodeId?: string | undefined;
  syncState?: SyncState | undefined;
  executor?: string | undefined;
  after?: AttemptPosition | undefined;
  limit: number;
}

export type ListedAttemptRow = AttemptRow & { createdAtText: string };

/** Newest first. */
export async function listAttempts(scope: OrganizationScope, filter: AttemptFilter): Promise<ListedAttemptRow[]> {
  const { nodeId, syncState, executor, after, limit } = filter;
  const conditions = [
    Prisma.sql`a.organization_id = ${scope.organizationId}::uuid`,
    ...(nodeId === undefined ? [] : [Prisma.sql`a.node_id = ${nodeId}::uuid`]),
    ...(syncState === undefined ? [] : [Prisma.sql`s.state = ${syncState}::sync_state`]),
    ...(executor === undefined ? [] : [Prisma.sql`a.executor = ${executor}`]),
    ...(after ? [Prisma.sql`(a.created_at, a.id) < (${after.createdAt}::timestamptz, ${after.id}::uuid)`] : []),
  ];
  return scope.query(Prisma.sql`
    SELECT ${ATTEMPT_COLUMNS},
           to_char(a.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS "createdAtText"
    FROM attempt a JOIN attempt_sync s ON s.attempt_id = a.id
    WHERE ${Prisma.join(conditions, ' AND ')}
    ORDER BY a.created_at DESC, a.id DESC LIMIT ${limit}`);
}

/** A shared task's attempts, newest first. */
export async function listAttemptsOfTask(
  scope: OrganizationScope,
  sharedTaskId: string,
  limit: number,
): Promise<AttemptRow[]> {
  return scope.query(Prisma.sql`
    SELECT ${ATTEMPT_COLUMNS}
    FROM attempt a JOIN attempt_sync s ON s.attempt_id = a.id
    WHERE a.organization_id = ${scope.organizationId}::uuid AND a.shared_task_id = ${sharedTaskId}::uuid
    ORDER BY a.created_at DESC, a.id DESC LIMIT ${limit}`);
}
