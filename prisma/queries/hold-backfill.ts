import type { SyncState } from '../../protocol/frames.js';
import type { Queryable } from '../database.js';

export type Hold =
  /** The run holds the attempt, since this call if `isNew`: `pending_backfill` carries its id. */
  | { held: true; isNew: boolean }
  | { held: false; reason: 'complete' | 'nothing_missing' | 'unavailable' | 'cancelled' | 'unknown_attempt' };

/**
 * Makes the workflow run hold the attempt while it is backfilled. If the same run calls again, nothing changes. Another
 * run's hold is taken over: the workflow id comes from the attempt, so that run has ended. A run that was cancelled
 * takes no hold, even if a person has started another backfill since.
 * @param force a person asked for it: even if no gap is known, and even if it is complete or unavailable
 */
export async function holdForBackfill(db: Queryable, attemptId: string, runId: string, force: boolean): Promise<Hold> {
  const changed = await db.$executeRaw`
    UPDATE attempt_sync SET state = 'pending_backfill', run_id = ${runId},
      requested_at = CASE WHEN state = 'pending_backfill' AND requested_at IS NOT NULL THEN requested_at ELSE now() END
    WHERE attempt_id = ${attemptId}::uuid AND run_id IS DISTINCT FROM ${runId}
      AND NOT paused AND cancelled_run IS DISTINCT FROM ${runId}
      AND (${force} OR (state IN ('partial', 'pending_backfill') AND needs_backfill))`;
  if (changed === 1) return { held: true, isNew: true };
  const [row] = await db.$queryRaw<{ state: SyncState; runId: string | null; isCancelled: boolean }[]>`
    SELECT state, run_id AS "runId", paused OR cancelled_run IS NOT DISTINCT FROM ${runId} AS "isCancelled" FROM attempt_sync WHERE attempt_id = ${attemptId}::uuid`;
  if (!row) return { held: false, reason: 'unknown_attempt' };
  if (row.state === 'pending_backfill' && row.runId === runId) return { held: true, isNew: false };
  if (row.state === 'complete' || row.state === 'unavailable') return { held: false, reason: row.state };
  return { held: false, reason: row.isCancelled ? 'cancelled' : 'nothing_missing' };
}
