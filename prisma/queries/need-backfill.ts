/** Changes that make an attempt need a backfill although no frame described one. */
import type { Database } from '../database.js';
import type { SessionFence } from '../session.js';
import { computeSync, lockAttempts, type ComputedSync } from './sync-state.js';
import { holdSession } from './hold-session.js';

/**
 * Makes the attempt need a backfill: what the hive has of it can't be right, or may not be all. Undefined: it is no
 * attempt of this node.
 * @throws SupersededError
 */
export function needBackfill(
  db: Database,
  session: SessionFence,
  attemptId: string,
): Promise<ComputedSync | undefined> {
  return db.$transaction(async (tx) => {
    await lockAttempts(tx, [attemptId]);
    await holdSession(tx, session);
    const known = await tx.$executeRaw`
      UPDATE attempt SET revision = CASE WHEN described_revision >= revision THEN revision + 1 ELSE revision END
      WHERE id = ${attemptId}::uuid AND node_id = ${session.nodeId}::uuid`;
    return known === 0 ? undefined : (await computeSync(tx, [attemptId]))[0];
  });
}
