/** Requests that version 1 nodes have not answered yet, across connections and hives. */
import type { Database, Queryable } from '../../database.js';
import { lockSession, type SessionFence } from '../../session.js';

/** More than about 64 unanswered requests freeze an original node permanently. */
export const MAX_OUTSTANDING_REQUESTS = 4;
/** A node that has been connected for this long without answering has forgotten the request. */
const GIVE_UP_SECONDS = 600;

export interface Reservation {
  /** Whether the request counts as outstanding; false if the node owes the maximum number of answers already. */
  reserved: boolean;
  /** Requests whose answers are no longer waited for. */
  givenUp: string[];
}

/**
 * Counts a request as outstanding before it is sent, if the node owes fewer than it may.
 * @throws SupersededError
 */
export function reserveRequest(
  db: Database,
  session: SessionFence,
  request: { id: string; attemptId: string },
): Promise<Reservation> {
  return db.$transaction(async (tx) => {
    await lockSession(tx, session);
    await tx.$executeRaw`SELECT 1 FROM node WHERE id = ${session.nodeId}::uuid FOR NO KEY UPDATE`; // one at a time
    const givenUp = await tx.$queryRaw<{ id: string }[]>`
      DELETE FROM backfill_request
      WHERE node_id = ${session.nodeId}::uuid AND waiting_since < now() - ${GIVE_UP_SECONDS}::float8 * interval '1 second'
      RETURNING id`;
    const inserted = await tx.$executeRaw`
      INSERT INTO backfill_request (id, node_id, attempt_id)
      SELECT ${request.id}::uuid, ${session.nodeId}::uuid, ${request.attemptId}::uuid
      WHERE (SELECT count(*) FROM backfill_request WHERE node_id = ${session.nodeId}::uuid) < ${MAX_OUTSTANDING_REQUESTS}`;
    return { reserved: inserted === 1, givenUp: givenUp.map(({ id }) => id) };
  });
}

/** Takes back the reservation of a request that was not sent. */
export async function releaseRequest(db: Queryable, id: string): Promise<void> {
  await db.$executeRaw`DELETE FROM backfill_request WHERE id = ${id}::uuid`;
}

/**
 * Settles a request that the node has answered, whether this session or an earlier one sent it. A node answers requests
 * in order, so the ones sent before it will not be answered any more.
 * @returns the ids of the requests that are no longer outstanding; none if the node owes no such response
 */
export async function settleRequests(db: Queryable, nodeId: string, requestId: string): Promise<string[]> {
  const rows = await db.$queryRaw<{ id: string }[]>`
    DELETE FROM backfill_request WHERE node_id = ${nodeId}::uuid AND seq <= (
      SELECT seq FROM backfill_request WHERE id = ${requestId}::uuid AND node_id = ${nodeId}::uuid)
    RETURNING id`;
  return rows.map((row) => row.id);
}

/** The responses that the node owes, in the order of the requests. */
export async function listOutstanding(db: Queryable, nodeId: string): Promise<{ id: string; attemptId: string }[]> {
  return db.$queryRaw`SELECT id, attempt_id AS "attemptId" FROM backfill_request WHERE node_id = ${nodeId}::uuid ORDER BY seq`;
}

/**
 * Leaves out the time that a node was away from the time after which a request is given up. Call it before the node's
 * last heartbeat is updated.
 */
export async function excludeAbsence(db: Queryable, nodeId: string): Promise<void> {
  await db.$executeRaw`
    UPDATE backfill_request r SET waiting_since = r.waiting_since + (now() - GREATEST(r.waiting_since, n.last_heartbeat_at))
    FROM node n WHERE n.id = ${nodeId}::uuid AND r.node_id = n.id`;
}
