import { Prisma } from '../database.js';
import type { SyncState } from '../generated/client.js';
import type { OrganizationScope } from '../organization-scope.js';
import { ATTEMPT_COLUMNS, LAST_EXECUTION, type AttemptRow } from './find-attempt.js';

/** By when the hive learnt of the attempts, or when they were made by the clocks of their nodes. */
export type AttemptOrder = 'arrived' | 'created';

/** The last attempt that was read, by its place in the order. */
export type AttemptPosition =
  | { order: 'arrived'; arrival: bigint }
  /** `createdAt` is text, in microseconds. */
  | { order: 'created'; createdAt: string; id: string };

export interface AttemptFilter {
  nodeId?: string | undefined;
  syncState?: SyncState | undefined;
  executor?: string | undefined;
  order: AttemptOrder;
  /** In the same order. */
  after?: AttemptPosition | undefined;
  limit: number;
}

export type ListedAttemptRow = AttemptRow & { arrival: bigint; createdAtText: string };

const NEWEST_FIRST: Record<AttemptOrder, Prisma.Sql> = {
  arrived: Prisma.sql`a.arrival DESC`,
  created: Prisma.sql`a.created_at DESC, a.id DESC`,
};

/** Newest first. */
export async function listAttempts(scope: OrganizationScope, filter: AttemptFilter): Promise<ListedAttemptRow[]> {
  const { nodeId, syncState, executor, order, after, limit } = filter;
  const conditions = [
    Prisma.sql`a.organization_id = ${scope.organizationId}::uuid`,
    ...(nodeId === undefined ? [] : [Prisma.sql`a.node_id = ${nodeId}::uuid`]),
    ...(syncState === undefined ? [] : [Prisma.sql`s.state = ${syncState}::sync_state`]),
    ...(executor === undefined ? [] : [Prisma.sql`a.executor = ${executor}`]),
    ...(after ? [isAfter(after)] : []),
  ];
  return scope.query(Prisma.sql`
    SELECT ${ATTEMPT_COLUMNS}, a.arrival,
           to_char(a.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS "createdAtText"
    FROM attempt a JOIN attempt_sync s ON s.attempt_id = a.id ${LAST_EXECUTION}
    WHERE ${Prisma.join(conditions, ' AND ')}
    ORDER BY ${NEWEST_FIRST[order]} LIMIT ${limit}`);
}

function isAfter(position: AttemptPosition): Prisma.Sql {
  return position.order === 'arrived'
    ? Prisma.sql`a.arrival < ${position.arrival}::bigint`
    : Prisma.sql`(a.created_at, a.id) < (${position.createdAt}::timestamptz, ${position.id}::uuid)`;
}

/**
 * A shared task's attempts, those that arrived last if there are more than `limit`. In the order of the original hive:
 * newest first by the clocks of their nodes.
 */
export async function listAttemptsOfTask(
  scope: OrganizationScope,
  sharedTaskId: string,
  limit: number,
): Promise<AttemptRow[]> {
  return scope.query(Prisma.sql`
    SELECT ${ATTEMPT_COLUMNS}
    FROM attempt a JOIN attempt_sync s ON s.attempt_id = a.id ${LAST_EXECUTION}
    WHERE a.id IN (
      SELECT id FROM attempt
      WHERE organization_id = ${scope.organizationId}::uuid AND shared_task_id = ${sharedTaskId}::uuid
      ORDER BY arrival DESC LIMIT ${limit})
    ORDER BY ${NEWEST_FIRST.created}`);
}
