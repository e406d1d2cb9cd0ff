import { Prisma } from '../database.js';
import type { OrganizationScope } from '../organization-scope.js';
import { attemptConditions, type AttemptFilter } from './attempt-filter.js';
import { ATTEMPT_COLUMNS, ATTEMPT_TABLES, FILTERED_TABLES, type AttemptRow } from './find-attempt.js';

/**
 * By when the hive learnt of the attempts, when they were made by the clocks of their nodes, or what has changed last.
 */
export type AttemptOrder = 'arrived' | 'created' | 'changed';

/** The last attempt that was read, by its place in the order. */
export type AttemptPosition =
  | { order: 'arrived'; arrival: bigint }
  /** `createdAt` is text, in microseconds. */
  | { order: 'created'; createdAt: string; id: string }
  | { order: 'changed'; position: bigint };

export interface AttemptListing extends AttemptFilter {
  order: AttemptOrder;
  /** In the same order. */
  after?: AttemptPosition | undefined;
  /** How many to leave out. */
  skip?: number;
  limit: number;
}

export type ListedAttemptRow = AttemptRow & { arrival: bigint; createdAtText: string };

const NEWEST_FIRST: Record<AttemptOrder, Prisma.Sql> = {
  arrived: Prisma.sql`a.arrival DESC`,
  created: Prisma.sql`a.created_at DESC, a.id DESC`,
  changed: Prisma.sql`c.position DESC`,
};

/** Newest first. By `changed`, an attempt that has no position yet is left out. */
export async function listAttempts(scope: OrganizationScope, listing: AttemptListing): Promise<ListedAttemptRow[]> {
  const { order, after, skip = 0, limit } = listing;
  const conditions = [
    Prisma.sql`a.organization_id = ${scope.organizationId}::uuid`,
    // the same of the feed's rows, whose indexes begin with it
    ...(order === 'changed' || listing.status !== undefined || listing.changedAfter !== undefined
      ? [Prisma.sql`c.organization_id = ${scope.organizationId}::uuid`]
      : []),
    ...attemptConditions(listing),
    ...(after ? [isAfter(after)] : []),
  ];
  return scope.query(Prisma.sql`
    SELECT ${ATTEMPT_COLUMNS}, a.arrival,
           to_char(a.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS "createdAtText"
    FROM ${ATTEMPT_TABLES}
    -- chosen first: what is shown of executions is then looked up for these alone, whatever the planner knows
    WHERE a.id = ANY (ARRAY(
      SELECT a.id FROM ${FILTERED_TABLES} WHERE ${Prisma.join(conditions, ' AND ')}
      ORDER BY ${NEWEST_FIRST[order]} LIMIT ${limit}
      ${skip === 0 ? Prisma.empty : Prisma.sql`OFFSET ${skip}`}))
    ORDER BY ${NEWEST_FIRST[order]}`);
}

function isAfter(position: AttemptPosition): Prisma.Sql {
  switch (position.order) {
    case 'arrived':
      return Prisma.sql`a.arrival < ${position.arrival}::bigint`;
    case 'changed':
      return Prisma.sql`c.position < ${position.position}::bigint`;
    case 'created':
      return Prisma.sql`(a.created_at, a.id) < (${position.createdAt}::timestamptz, ${position.id}::uuid)`;
  }
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
    FROM ${ATTEMPT_TABLES}
    WHERE a.id IN (
      SELECT id FROM attempt
      WHERE organization_id = ${scope.organizationId}::uuid AND shared_task_id = ${sharedTaskId}::uuid
      ORDER BY arrival DESC LIMIT ${limit})
    ORDER BY ${NEWEST_FIRST.created}`);
}
