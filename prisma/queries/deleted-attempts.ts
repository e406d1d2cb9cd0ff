/** Attempts that were deleted, and what the nodes that recorded them have to be told. */
import { FORGET_ATTEMPT } from '../../protocol/frames.js';
import { Prisma, type Queryable } from '../database.js';
import type { NodeSession } from '../session.js';

/**
 * Condition on a tombstone `d` and a node `n`: the node recorded the attempt. A node that was deleted here and came back
 * has another id; version 1 nodes on one host have the same machine_id.
 */
const IS_OF_NODE = Prisma.sql`
  n.organization_id = d.organization_id
  AND (n.id = d.node_id OR (n.machine_id = d.machine_id AND n.protocol_version <> 1))`;

/**
 * The node has announced these attempts, or a part of them: it has to be told again if they were deleted.
 * @returns the ids of those that this node recorded and an admin has deleted
 */
export async function findDeletedAttempts(db: Queryable, session: NodeSession, ids: string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const rows = await db.$queryRaw<{ id: string }[]>`
    WITH again AS (
      UPDATE deleted_attempt d SET forgotten_at = NULL FROM node n
      WHERE d.attempt_id = ANY (${ids}::uuid[]) AND d.forgotten_at IS NOT NULL
        AND n.id = ${session.nodeId}::uuid AND ${IS_OF_NODE}
    )
    SELECT d.attempt_id AS id FROM deleted_attempt d JOIN node n ON n.id = ${session.nodeId}::uuid AND ${IS_OF_NODE}
    WHERE d.attempt_id = ANY (${ids}::uuid[])`;
  return new Set(rows.map(({ id }) => id));
}

/** @returns those of the ids that were deleted, whoever recorded them */
export async function listDeletedAttempts(db: Queryable, ids: string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const rows = await db.$queryRaw<{ id: string }[]>`
    SELECT attempt_id AS id FROM deleted_attempt WHERE attempt_id = ANY (${ids}::uuid[])`;
  return new Set(rows.map(({ id }) => id));
}

/**
 * Condition on a node `n`: it knows the frame. By the text, because capabilities are what a node sent: one whose JSON has
 * what PostgreSQL's text can't hold must not make the statement fail for all nodes.
 */
const KNOWS_FORGET_ATTEMPT = Prisma.sql`n.capabilities::text LIKE ${`%"frames":[%"${FORGET_ATTEMPT}"%`}`;

export interface ToForget {
  attemptId: string;
  nodeId: string;
}

/**
 * Deleted attempts that nodes have to be told of, oldest first: of nodes whose sockets one hive has, and which know the
 * frame. Nearly always none, by a partial index.
 * @param except attempts that were tried a moment ago, and nodes that are busy with others
 */
export function listToForget(
  db: Queryable,
  queue: string,
  except: { attempts: string[]; nodes: string[] },
  limit: number,
): Promise<ToForget[]> {
  return db.$queryRaw`
    SELECT d.attempt_id AS "attemptId", n.id AS "nodeId"
    FROM deleted_attempt d JOIN node n ON ${IS_OF_NODE} JOIN node_lease l ON l.node_id = n.id
    WHERE d.forgotten_at IS NULL AND l.queue = ${queue} AND NOT d.attempt_id = ANY (${except.attempts}::uuid[])
      AND NOT n.id = ANY (${except.nodes}::uuid[])
      AND ${KNOWS_FORGET_ATTEMPT}
    ORDER BY d.deleted_at LIMIT ${limit}`;
}

/** The node has said that it no longer has the attempt. */
export async function markForgotten(db: Queryable, attemptId: string): Promise<void> {
  await db.$executeRaw`UPDATE deleted_attempt SET forgotten_at = now() WHERE attempt_id = ${attemptId}::uuid`;
}
