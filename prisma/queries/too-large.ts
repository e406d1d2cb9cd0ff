/**
 * An attempt with a log that is too large to be taken from its node, which sends all of it when asked. Each try would
 * cost the node a whole transfer, so for an hour only a person's start by hand asks again.
 */
import { Prisma, type Queryable } from '../database.js';
import { isCurrentSession, type SessionFence } from '../session.js';

const AGAIN_AFTER_SECONDS = 3600;

/** Value for `retry_at` of attempt_sync where nothing else keeps the attempt back. */
export const RETRY_AT_ONCE = Prisma.sql`CASE WHEN too_large_until > now() THEN too_large_until END`;

export interface TooLargeLog {
  executionId: string;
  /** The execution's attempt if the hive does not know the execution. */
  attemptId: string;
  /** The size of the message that the log came in. */
  bytes: number;
  maxBytes: number;
}

/** @returns the attempt; undefined if the node has no such attempt */
export async function markTooLarge(
  db: Queryable,
  session: SessionFence,
  log: TooLargeLog,
): Promise<string | undefined> {
  const size = `${log.bytes.toLocaleString('en')} bytes of at most ${log.maxBytes.toLocaleString('en')}`;
  const [row] = await db.$queryRaw<{ attemptId: string }[]>`
    UPDATE attempt_sync SET too_large = ${size}, too_large_until = now() + ${AGAIN_AFTER_SECONDS}::float8 * interval '1 second',
      retry_at = now() + ${AGAIN_AFTER_SECONDS}::float8 * interval '1 second', last_error = ${`too_large: ${size}`}
    WHERE node_id = ${session.nodeId}::uuid AND ${isCurrentSession(session)} AND attempt_id = COALESCE(
      (SELECT attempt_id FROM execution WHERE id = ${log.executionId}::uuid AND node_id = ${session.nodeId}::uuid),
      ${log.attemptId}::uuid)
    RETURNING attempt_id AS "attemptId"`;
  return row?.attemptId;
}

/** @returns whether the attempt was found too large within the last hour, and nobody has asked for it by hand since */
export async function isTooLarge(db: Queryable, attemptId: string): Promise<boolean> {
  const rows = await db.$queryRaw<unknown[]>`
    SELECT FROM attempt_sync WHERE attempt_id = ${attemptId}::uuid AND too_large_until > now()`;
  return rows.length > 0;
}
