import type { AttemptSync, ExecutionSync } from '../../protocol/frames.js';
import type { Queryable } from '../database.js';
import { isCurrentSession, type SessionFence } from '../session.js';

export interface KnownDescription {
  /** -1 if none of its revisions is described yet. */
  describedRevision: bigint;
  /** The hive has it word for word, and everything that it describes has ended: storing it would change nothing. */
  isTakenIn: boolean;
}

/**
 * Compares the node's whole description of an attempt with what the hive has.
 * @returns undefined if the hive does not know the attempt
 */
export async function compareDescription(
  db: Queryable,
  session: SessionFence,
  attempt: AttemptSync,
  executions: ExecutionSync[],
): Promise<KnownDescription | undefined> {
  const [known] = await db.$queryRaw<KnownDescription[]>`
    SELECT a.described_revision AS "describedRevision",
      a.revision = ${BigInt(attempt.revision)}::bigint AND a.described_revision = a.revision
      AND a.metadata::text = ${JSON.stringify(attempt)}
      AND ${isCurrentSession(session)}
      AND (SELECT count(*) = ${executions.length}::int AND COALESCE(bool_and(
             e.status <> 'running' AND e.metadata::text IS NOT DISTINCT FROM described.metadata), true)
           FROM execution e LEFT JOIN
             unnest(${executions.map((e) => e.execution_id)}::uuid[], ${executions.map((e) => JSON.stringify(e))}::text[])
               AS described (id, metadata) ON described.id = e.id
           WHERE e.attempt_id = a.id AND NOT e.gone_from_node) AS "isTakenIn"
    FROM attempt a WHERE a.id = ${attempt.attempt_id}::uuid AND a.node_id = ${session.nodeId}::uuid`;
  return known;
}
