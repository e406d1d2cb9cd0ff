import type { SyncState } from '../../protocol/frames.js';
import type { Database, Queryable } from '../database.js';
import { STORED_LINES } from './stored-lines.js';
import { completeAtOnce, computeSync, lockAttempts } from './attempt-state.js';

/** How a backfill ended, to the extent that the attempt's state depends on it. */
export interface Settlement {
  attemptId: string;
  runId: string;
  ending: 'done' | 'node_offline' | 'cancelled' | 'unavailable' | 'failed';
  /** A code for people, never content. */
  reason?: string;
  /** It stored lines or a change, so trying again at once may be worth it. */
  progressed: boolean;
}

export interface AttemptLines {
  executions: number;
  linesDeclared: number;
  linesStored: number;
}

export interface Settled extends AttemptLines {
  /** From the request of the backfill until now; null if this run does not hold the attempt. */
  seconds: number | null;
  /** The node's newest revision that the hive knows. */
  revision: bigint;
  state: SyncState;
  needsBackfill: boolean;
}

const FIRST_RETRY_SECONDS = 30;
const MAX_RETRY_SECONDS = 3600;

/**
 * Ends the run's hold on the attempt and counts in the hive's own database what it has of the attempt now. A run that
 * no longer holds the attempt ends no other run's hold, unless the attempt is complete.
 * @returns undefined if the attempt is gone
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
    if (sync.state !== 'pending_backfill') return known; // no run holds it any more
    // That a node went away says nothing about the attempt, which is tried again as soon as the node is back.
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

/** Counts over the attempt's executions: the lines that the node declares, and those that the hive has stored. */
export async function countAttemptLines(db: Queryable, attemptId: string): Promise<AttemptLines> {
  const [row] = await db.$queryRaw<AttemptLines[]>`
    SELECT count(*)::int AS executions, COALESCE(sum(e.declared_lines), 0)::float8 AS "linesDeclared",
           COALESCE(sum(${STORED_LINES}), 0)::float8 AS "linesStored"
    FROM execution e WHERE e.attempt_id = ${attemptId}::uuid AND NOT e.gone_from_node`;
  return row ?? { executions: 0, linesDeclared: 0, linesStored: 0 };
}
