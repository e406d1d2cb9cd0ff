import type { SyncState } from '../../protocol/frames.js';
import type { Queryable } from '../database.js';

export type Hold =
  /** The run holds the attempt, since this call if `isNew`: `pending_backfill` carries its id. */
  | {
      held: true;
      isNew: boolean;
      /** The node's newest revision that the hive knows; null if the attempt is gone. */
      revision: bigint | null;
    }
  | { held: false; reason: 'complete' | 'nothing_missing' | 'unavailable' | 'cancelled' | 'unknown_attempt' };

interface HoldRow {
  state: SyncState;
  runId: string | null;
  revision: bigint | null;
  isCancelled: boolean;
}

/**
 * Makes the workflow run hold the attempt while it is backfilled. If the same run calls again, nothing changes. Another
 * run's hold is taken over: the workflow id comes from the attempt, so that run has ended. A run that was cancelled
 * takes no hold, even if a person has started another backfill since.
 * @param force a person asked for it: even if no gap is known, and even if it is complete or unavailable
 */
export async function holdForBackfill(db: Queryable, attemptId: string, runId: string, force: boolean): Promise<Hold> {
  const [taken] = await db.$queryRaw<{ revision: bigint | null }[]>`
    UPDATE attempt_sync SET state = 'pending_backfill', run_id = ${runId},
      requested_at = CASE WHEN state = 'pending_backfill' AND requested_at IS NOT NULL THEN requested_at ELSE now() END
    WHERE attempt_id = ${attemptId}::uuid AND run_id IS DISTINCT FROM ${runId}
      AND NOT paused AND cancelled_run IS DISTINCT FROM ${runId}
      AND (${force} OR (state IN ('partial', 'pending_backfill') AND needs_backfill))
    RETURNING (SELECT a.revision FROM attempt a WHERE a.id = attempt_id)`;
  if (taken) return { held: true, isNew: true, ...taken };
  const [row] = await db.$queryRaw<HoldRow[]>`
    SELECT state, run_id AS "runId", (SELECT a.revision FROM attempt a WHERE a.id = attempt_id),
           paused OR cancelled_run IS NOT DISTINCT FROM ${runId} AS "isCancelled"
    FROM attempt_sync WHERE attempt_id = ${attemptId}::uuid`;
  if (!row) return { held: false, reason: 'unknown_attempt' };
  if (row.state === 'pending_backfill' && row.runId === runId)
    return { held: true, isNew: false, revision: row.revision };
  if (row.state === 'complete' || row.state === 'unavailable') return { held: false, reason: row.state };
  return { held: false, reason: row.isCancelled ? 'cancelled' : 'nothing_missing' };
}
