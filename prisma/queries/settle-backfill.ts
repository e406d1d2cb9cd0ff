import type { SyncState } from '../../protocol/frames.js';
import type { Database } from '../database.js';
import { countAttemptLines, type AttemptLines } from './count-attempt-lines.js';
import { completeAtOnce, computeSync, lockAttempts } from './sync-state.js';

/** How a backfill ended, as far as the attempt's state depends on it. */
export interface Settlement {
  attemptId: string;
  runId: string;
  ending: 'done' | 'node_offline' | 'cancelled' | 'unavailable' | 'failed';
  /** A code for people, never content. */
  reason?: string;
  /** It stored lines or took a change in: trying again at once is worth it. */
  progressed: boolean;
}

export interface Settled extends AttemptLines {
  /** From the request of the backfill to now; null where this run did not hold the attempt (any more). */
  seconds: number | null;
  /** The node's newest revision that the hive knows. */
  revision: bigint;
  state: SyncState;
  needsBackfill: boolean;
}

const FIRST_RETRY_SECONDS = 30;
const MAX_RETRY_SECONDS = 3600;

/**
 * Ends the run's hold on the attempt and says what the attempt is now, counted in the hive's own database. A run that
 * does not hold it any more ends nobody's hold, unless the attempt is complete. Undefined: the attempt is gone.
 */
export async function settleBackfill(db: Database, settlement: Settlement): Promise<Settled | undefined> {
  const complete = await completeAtOnce(db, settlement.attemptId, settlement.runId);
  if (!complete) return settleUnderLock(db, settlement);
  const { revision, executions, lines, seconds } = complete;
  const counts = { executions, linesDeclared: lines, linesStored: lines };
  return { state: 'complete', needsBackfill: false, revision, seconds, ...counts };
}

function settleUnderLock(db: Database, settlement: Settlement): Promise<Settled | undefined> {
  const { attemptId, runId, ending, reason = null, progressed } = settlement;
  return db.$transaction(async (tx) => {
    await lockAttempts(tx, [attemptId]);
    const [held] = await tx.$queryRaw<{ seconds: number }[]>`
      SELECT extract(epoch FROM now() - requested_at)::float8 AS seconds FROM attempt_sync
      WHERE attempt_id = ${attemptId}::uuid AND run_id = ${runId}`;
    const [sync] = await computeSync(tx, [attemptId]);
    if (!sync) return undefined;
    const known = { ...sync, ...(await countAttemptLines(tx, attemptId)), seconds: held?.seconds ?? null };
    if (sync.state !== 'pending_backfill') return known; // no hold to end: to be complete ends it
    // A node that went away says nothing about the attempt; it is tried again as soon as the node is back.
    const backsOff = !progressed && (ending === 'failed' || ending === 'done');
    const [settled] = await tx.$queryRaw<Pick<Settled, 'state' | 'needsBackfill'>[]>`
      UPDATE attempt_sync SET run_id = NULL, last_error = ${reason}::text,
        state = CASE WHEN ${ending} = 'unavailable' THEN 'unavailable' ELSE 'partial' END::sync_state,
        unavailable_reason = CASE WHEN ${ending} = 'unavailable' THEN ${reason}::text END,
        needs_backfill = needs_backfill AND ${ending} <> 'unavailable',
        paused = paused OR ${ending} = 'cancelled',
        idle_backfills = CASE WHEN ${backsOff} THEN idle_backfills + 1 ELSE 0 END,
        retry_at = CASE WHEN ${backsOff} AND needs_backfill THEN
          now() + LEAST(${FIRST_RETRY_SECONDS}::float8 * power(2, LEAST(idle_backfills, 20)), ${MAX_RETRY_SECONDS}) * interval '1 second' END
      WHERE attempt_id = ${attemptId}::uuid AND state = 'pending_backfill' AND run_id = ${runId}
      RETURNING state, needs_backfill AS "needsBackfill"`;
    return { ...known, ...settled };
  });
}
