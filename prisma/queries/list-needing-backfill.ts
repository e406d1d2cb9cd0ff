/** Which attempts need a backfill now, and which nodes have such attempts. */
import { Prisma, type Queryable } from '../database.js';

/**
 * Condition on a row `s` of attempt_sync: the attempt waits for a backfill whose time has come, or is in one.
 *
 * The first three conditions are those of the partial index attempt_sync_needs_backfill_idx, word for word, because the
 * planner uses the index only if it can prove each of them. The index has them to stay small: `needs_backfill` leaves
 * out attempts without a gap, `state <> 'complete'` and `NOT paused` what no trigger starts. `retry_at` is not in it,
 * because it is compared with the clock.
 */
const IS_DUE = Prisma.sql`
  (s.needs_backfill AND s.state <> 'complete' AND NOT s.paused AND (s.retry_at IS NULL OR s.retry_at <= now()))`;

/** Condition on a row `s` of attempt_sync: the attempt needs a backfill now, and none has been requested yet. */
export const NEEDS_BACKFILL_NOW = Prisma.sql`(${IS_DUE} AND s.state = 'partial')`;

/** Where a listing goes on: after the last attempt that it gave. */
export interface AttemptCursor {
  /** As text, because a Date would lose PostgreSQL's microseconds. */
  createdAt: string;
  attemptId: string;
}

/**
 * Condition of a listing, newest first, that goes on after an attempt, or begins.
 * @param place the columns of the attempt's time and id, in brackets
 */
export const comesAfter = (place: Prisma.Sql, after: AttemptCursor | undefined) => Prisma.sql`
  ${place} < (COALESCE(${after?.createdAt ?? null}::timestamptz, 'infinity'),
              COALESCE(${after?.attemptId ?? null}::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))`;

/** What people know an attempt by. */
export interface AttemptLabels {
  title: string | null;
  nodeName: string | null;
}

/** The node's attempts that need a backfill now, newest first. */
export function listNeedingBackfill(
  db: Queryable,
  nodeId: string,
  after: AttemptCursor | undefined,
  limit: number,
): Promise<(AttemptCursor & AttemptLabels)[]> {
  return db.$queryRaw`
    SELECT s.attempt_id AS "attemptId", s.attempt_created_at::text AS "createdAt", a.title, n.name AS "nodeName"
    FROM attempt_sync s JOIN attempt a ON a.id = s.attempt_id JOIN node n ON n.id = s.node_id
    WHERE s.node_id = ${nodeId}::uuid AND ${NEEDS_BACKFILL_NOW}
      AND ${comesAfter(Prisma.sql`(s.attempt_created_at, s.attempt_id)`, after)}
    ORDER BY s.attempt_created_at DESC, s.attempt_id DESC LIMIT ${limit}`;
}

export interface NodeToDrain {
  nodeId: string;
  organizationId: string;
  nodeName: string;
}

/**
 * Connected nodes with attempts that need a backfill now. They take turns: if there are more than `limit`, those that
 * have waited longest since {@link endTurns} come first, so that nodes that always need a drain hold up no other.
 */
export function listNodesToDrain(db: Queryable, limit: number): Promise<NodeToDrain[]> {
  return db.$queryRaw`
    SELECT node.id AS "nodeId", node.organization_id AS "organizationId", node.name AS "nodeName"
    FROM node JOIN node_lease lease ON lease.node_id = node.id AND lease.expires_at > now()
    WHERE EXISTS (SELECT FROM attempt_sync s WHERE s.node_id = node.id AND ${NEEDS_BACKFILL_NOW})
    ORDER BY node.drain_turn_at NULLS FIRST, node.id LIMIT ${limit}`;
}

/** Lets other nodes come first next time. A node whose row is locked keeps its turn. */
export async function endTurns(db: Queryable, nodeIds: string[]): Promise<void> {
  await db.$executeRaw`
    WITH free AS (SELECT id FROM node WHERE id = ANY (${nodeIds}::uuid[]) FOR UPDATE SKIP LOCKED)
    UPDATE node SET drain_turn_at = now() FROM free WHERE node.id = free.id`;
}

/** @returns the ids of those nodes that have attempts which wait for a backfill, or are in one */
export async function stillToDrain(db: Queryable, nodeIds: string[]): Promise<string[]> {
  const rows = await db.$queryRaw<{ nodeId: string }[]>`
    SELECT node.id AS "nodeId" FROM unnest(${nodeIds}::uuid[]) AS node (id)
    WHERE EXISTS (SELECT FROM attempt_sync s WHERE s.node_id = node.id AND ${IS_DUE})`;
  return rows.map((row) => row.nodeId);
}
