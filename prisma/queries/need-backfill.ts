import type { Database } from '../database.js';
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
    const known = await tx.$executeRaw`
      UPDATE attempt SET revision = CASE WHEN described_revision >= revision THEN revision + 1 ELSE revision END
      WHERE id = ${attemptId}::uuid AND node_id = ${session.nodeId}::uuid`;
    return known === 0 ? undefined : (await computeSync(tx, [attemptId]))[0];
  });
}
