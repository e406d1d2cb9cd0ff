import type { Database, Queryable } from '../database.js';
import { lockSession, type SessionFence } from '../session.js';
import { computeSync, lockAttempts, type ComputedSync } from './attempt-state.js';

/**
 * Makes the attempt need a backfill although no frame described a change: what the hive has of it can't be right, or
 * may not be everything.
 * @returns undefined if the node has no such attempt
 * @throws SupersededError
 */
export function needBackfill(
  db: Database,
  session: SessionFence,
  attemptId: string,
): Promise<ComputedSync | undefined> {
  return db.$transaction(async (tx) => {
    await lockAttempts(tx, [attemptId]);
    await lockSession(tx, session);
    return needBackfillIn(tx, session, attemptId);
  });
}

/** {@link needBackfill}, as a part of a transaction that has locked the attempt and the session. */
export async function needBackfillIn(
  tx: Queryable,
  { nodeId }: SessionFence,
  attemptId: string,
): Promise<ComputedSync | undefined> {
  const known = await tx.$executeRaw`
    UPDATE attempt SET revision = CASE WHEN described_revision >= revision THEN revision + 1 ELSE revision END
    WHERE id = ${attemptId}::uuid AND node_id = ${nodeId}::uuid`;
  return known === 0 ? undefined : (await computeSync(tx, [attemptId]))[0];
}
