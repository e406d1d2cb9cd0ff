import type { SyncState } from '../../protocol/frames.js';
import type { Queryable } from '../database.js';

export type Hold =
  /** The workflow holds the attempt: `pending_backfill` carries its run id. */
  | { held: true }
  | { held: false; reason: 'complete' | 'nothing_missing' | 'unavailable' | 'cancelled' | 'unknown_attempt' };

/**
 * Marks the attempt as being backfilled by the workflow run. Called again by the same run it changes nothing. Another
 * run's mark is taken over: the workflow id is the attempt's, so that run has ended.
 * @param force a person asked: also without a known gap, and also when it is complete or unavailable
 */
export async function holdForBackfill(db: Queryable, attemptId: string, runId: string, force: boolean): Promise<Hold> {
  const changed = await db.$executeRaw`
    UPDATE attempt_sync SET state = 'pending_backfill', run_id = ${runId}, paused = paused AND NOT ${force},
      requested_at = CASE WHEN state = 'pending_backfill' AND requested_at IS NOT NULL THEN requested_at ELSE now() END
    WHERE attempt_id = ${attemptId}::uuid AND run_id IS DISTINCT FROM ${runId}
      AND (${force} OR (state IN ('partial', 'pending_backfill') AND needs_backfill AND NOT paused))`;
  if (changed === 1) return { held: true };
  const [row] = await db.$queryRaw<{ state: SyncState; runId: string | null; paused: boolean }[]>`
    SELECT state, run_id AS "runId", paused FROM attempt_sync WHERE attempt_id = ${attemptId}::uuid`;
  if (!row) return { held: false, reason: 'unknown_attempt' };
  if (row.state === 'pending_backfill' && row.runId === runId) return { held: true };
  if (row.state === 'complete' || row.state === 'unavailable') return { held: false, reason: row.state };
  return { held: false, reason: row.paused ? 'cancelled' : 'nothing_missing' };
}
