/** Requests that version 1 nodes owe an answer to, across connections and hives. */
import type { Database, Queryable } from '../../database.js';
import type { SessionFence } from '../../session.js';
import { holdSession } from '../hold-session.js';

/** More than some 64 unanswered requests freeze an original node for good. */
export const MAX_OUTSTANDING_REQUESTS = 4;
/** A node that was connected for so long without answering has forgotten the request. */
const GIVE_UP_SECONDS = 600;

export interface Reservation {
  /** False: the node owes as many answers as it may. */
  reserved: boolean;
  /** Requests that the node will not be waited for any more. */
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
    await holdSession(tx, session);
    await tx.$executeRaw`SELECT 1 FROM node WHERE id = ${session.nodeId}::uuid FOR NO KEY UPDATE`; // one at a time
    const givenUp = await tx.$queryRaw<{ id: string }[]>`
      DELETE FROM backfill_request
      WHERE node_id = ${session.nodeId}::uuid AND waiting_since < now() - ${GIVE_UP_SECONDS} * interval '1 second'
      RETURNING id`;
    const inserted = await tx.$executeRaw`
      INSERT INTO backfill_request (id, node_id, attempt_id)
      SELECT ${request.id}::uuid, ${session.nodeId}::uuid, ${request.attemptId}::uuid
      WHERE (SELECT count(*) FROM backfill_request WHERE node_id = ${session.nodeId}::uuid) < ${MAX_OUTSTANDING_REQUESTS}`;
    return { reserved: inserted === 1, givenUp: givenUp.map(({ id }) => id) };
  });
}

/** Gives back the place of a request that was not sent. */
export async function releaseRequest(db: Queryable, id: string): Promise<void> {
  await db.$executeRaw`DELETE FROM backfill_request WHERE id = ${id}::uuid`;
}

/**
 * Takes a response in, of this session's request or of an earlier session's. A node answers one request after another,
 * so requests sent before it will not be answered any more.
 * @returns ids of the requests that are no longer outstanding; none: the node owes no such response
 */
export async function settleRequests(db: Queryable, nodeId: string, requestId: string): Promise<string[]> {
  const rows = await db.$queryRaw<{ id: string }[]>`
    DELETE FROM backfill_request WHERE node_id = ${nodeId}::uuid AND seq <= (
      SELECT seq FROM backfill_request WHERE id = ${requestId}::uuid AND node_id = ${nodeId}::uuid)
    RETURNING id`;
  return rows.map((row) => row.id);
}

/** The responses that the node owes. */
export async function listOutstanding(db: Queryable, nodeId: string): Promise<{ id: string; attemptId: string }[]> {
  return db.$queryRaw`SELECT id, attempt_id AS "attemptId" FROM backfill_request WHERE node_id = ${nodeId}::uuid`;
}

/** The time that a node was away does not count towards giving a request up. Call before its presence is updated. */
export async function excludeAbsence(db: Queryable, nodeId: string): Promise<void> {
  await db.$executeRaw`
    UPDATE backfill_request r SET waiting_since = r.waiting_since + (now() - GREATEST(r.waiting_since, n.last_heartbeat_at))
    FROM node n WHERE n.id = ${nodeId}::uuid AND r.node_id = n.id`;
}
