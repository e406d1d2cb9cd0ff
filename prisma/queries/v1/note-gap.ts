import type { Database } from '../../database.js';
import { lockSession, type SessionFence } from '../../session.js';
import { lockAttempts, type ComputedSync } from '../attempt-state.js';
import { needBackfillIn } from '../need-backfill.js';

/**
 * Notes that lines of an execution may be missing which the node does not push again, and makes its attempt need a
 * backfill.
 * @param lostLine hash of a pushed line that was not stored: the backfill that brings it tells how far the node has
 *   pushed; undefined if none is known
 * @returns the attempt's state; undefined if the node has no such execution
 * @throws SupersededError
 */
export function noteGap(
  db: Database,
  session: SessionFence,
  { executionId, attemptId }: { executionId: string; attemptId: string },
  lostLine?: string,
): Promise<ComputedSync | undefined> {
  return db.$transaction(async (tx) => {
    await lockAttempts(tx, [attemptId]);
    await lockSession(tx, session);
    const known = await tx.$executeRaw`
      UPDATE execution SET has_gap = true, live_lost_line = COALESCE(${lostLine ?? null}::text, live_lost_line)
      WHERE id = ${executionId}::uuid AND attempt_id = ${attemptId}::uuid AND node_id = ${session.nodeId}::uuid`;
    return known === 0 ? undefined : needBackfillIn(tx, session, attemptId);
  });
}
