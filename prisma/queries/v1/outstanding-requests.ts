/** Requests that version 1 nodes have not answered yet, across connections and hives. */
import type { Database, Queryable } from '../../database.js';
import { lockSession, type SessionFence } from '../../session.js';

/** Of a session's requests, this many may be outstanding beside what its node owes. */
export const MAX_OUTSTANDING_REQUESTS = 4;
/** One place is kept for asks, which tell what needs a backfill. */
export const MAX_OUTSTANDING_BACKFILLS = MAX_OUTSTANDING_REQUESTS - 1;
/**
 * What a node may owe in all, with what its earlier sessions left unanswered. More than about 64 unanswered requests
 * freeze an original node permanently.
 */
export const MAX_OWED_ANSWERS = 32;
/** A node that has been connected for this long without answering has forgotten the request. */
const GIVE_UP_SECONDS = 600;

/** What a node owes, as a new request counts it. */
export interface Owed {
  /** All requests, whichever session sent them. */
  all: number;
  /** Those of the present session, and how many of these are asks. */
  own: number;
  ownAsks: number;
  /** Whole backfills, whichever session asked for them. */
  backfills: number;
}

/**
 * @returns whether there is a place for a request. A session may always have one request out, whatever was left to the
 *   node before: a node answers in order, so the answer to that one frees the places of all older ones.
 */
export function hasPlace(owed: Owed, kind: 'ask' | 'backfill'): boolean {
  if (owed.all >= MAX_OWED_ANSWERS) return false;
  if (owed.own === 0) return true;
  if (owed.all >= MAX_OUTSTANDING_REQUESTS) return false;
  return kind === 'ask' ? owed.ownAsks === 0 : owed.backfills < MAX_OUTSTANDING_BACKFILLS;
}

export interface Reservation {
  /** Whether the request counts as outstanding; false if the node owes the maximum number of answers already. */
  reserved: boolean;
  /** Requests whose answers are no longer waited for. */
  givenUp: string[];
}

/**
 * Counts a request as outstanding before it is sent, if there is a place for it.
 * @param request `attemptId` is null for an ask
 * @throws SupersededError
 */
export function reserveRequest(
  db: Database,
  session: SessionFence,
  request: { id: string; attemptId: string | null },
): Promise<Reservation> {
  const { nodeId, fence } = session;
  return db.$transaction(async (tx) => {
    await lockSession(tx, session);
    await tx.$executeRaw`SELECT 1 FROM node WHERE id = ${nodeId}::uuid FOR NO KEY UPDATE`; // one at a time
    const givenUp = await tx.$queryRaw<{ id: string }[]>`
      DELETE FROM backfill_request
      WHERE node_id = ${nodeId}::uuid AND waiting_since < now() - ${GIVE_UP_SECONDS}::float8 * interval '1 second'
      RETURNING id`;
    const [owed] = await tx.$queryRaw<Owed[]>`
      SELECT count(*)::int AS all, (count(*) FILTER (WHERE fence = ${fence}))::int AS own,
             (count(*) FILTER (WHERE fence = ${fence} AND attempt_id IS NULL))::int AS "ownAsks",
             (count(*) FILTER (WHERE attempt_id IS NOT NULL))::int AS backfills
      FROM backfill_request WHERE node_id = ${nodeId}::uuid`;
    const reserved = owed !== undefined && hasPlace(owed, request.attemptId === null ? 'ask' : 'backfill');
    if (reserved) {
      await tx.$executeRaw`
        INSERT INTO backfill_request (id, node_id, attempt_id, fence)
        VALUES (${request.id}::uuid, ${nodeId}::uuid, ${request.attemptId}::uuid, ${fence})`;
    }
    return { reserved, givenUp: givenUp.map(({ id }) => id) };
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

/** A request that the node has not answered. */
export interface OutstandingRequest {
  id: string;
  /** Null for an ask. */
  attemptId: string | null;
  /** For how long the node has been connected since it was sent. @format s */
  seconds: number;
}

/** The responses that the node owes, in the order of the requests. */
export async function listOutstanding(db: Queryable, nodeId: string): Promise<OutstandingRequest[]> {
  return db.$queryRaw`
    SELECT id, attempt_id AS "attemptId", extract(epoch FROM now() - waiting_since)::float8 AS seconds
    FROM backfill_request WHERE node_id = ${nodeId}::uuid ORDER BY seq`;
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
