import type { SyncState } from '../../protocol/frames.js';
import { Prisma, type Database, type Queryable } from '../database.js';
import { STORED_LINES } from './stored-lines.js';
import { RETRY_AT_ONCE } from './too-large.js';
import { completeAtOnce, computeSync, isOfRun, lockAttempts } from './attempt-state.js';

/** How a backfill ended, to the extent that the attempt's state depends on it. */
export interface Settlement {
  attemptId: string;
  /** Null for an attempt that was claimed and whose run never held it. */
  runId: string | null;
  /** The claim that the run was started for: {@link BackfillClaim}'s `claimedAt`. */
  claim?: string;
  ending: 'done' | 'node_offline' | 'cancelled' | 'unavailable' | 'failed';
  /** The node's newest revision that the hive knew when it asked: a newer one overrules `unavailable` and `failed`. */
  revision?: string;
  /** A code for people, never content. */
  reason?: string;
  /** It stored lines or a change, so trying again at once may be worth it. */
  progressed: boolean;
  /** When the run goes on instead of settling. Absent: never. */
  goesOn?: GoesOn;
}

/** Reasons for a run to go on although it was about to end; whoever changes the attempt leaves them to the run. */
export interface GoesOn {
  /** The node has announced a newer revision than the one that is described. */
  ifBehind?: boolean;
  /** Something is still missing. */
  ifIncomplete?: boolean;
  /** The node has announced a newer revision than the settlement's. */
  ifAnnounced?: boolean;
  /** The node is connected again. */
  ifConnected?: boolean;
}

export interface AttemptLines {
  executions: number;
  linesDeclared: number;
  linesStored: number;
}

export interface Settled extends AttemptLines {
  /**
   * From the request of the backfill that this ends until now. Null if it ends none: this run does not hold the attempt,
   * and nothing made the attempt complete just now. Whoever settles has to count it.
   */
  seconds: number | null;
  /** The node's newest revision that the hive knows. */
  revision: bigint;
  state: SyncState;
  needsBackfill: boolean;
  /** Nothing was settled: the run still holds the attempt, and has to go on. */
  goesOn?: true;
}

const FIRST_RETRY_SECONDS = 30;
const MAX_RETRY_SECONDS = 3600;

/** When an attempt is tried again after this many tries in vain in a row, counted from 0: later each time. */
export const retryAfter = (tries: Prisma.Sql) => Prisma.sql`
  now() + LEAST(${FIRST_RETRY_SECONDS}::float8 * power(2, LEAST(${tries}, 20)), ${MAX_RETRY_SECONDS}) * interval '1 second'`;

/**
 * Ends the run's hold on the attempt, or the claim that it was started for, and counts in the hive's own database what
 * it has of the attempt now. A run that no longer holds the attempt ends no other run's hold, unless the attempt is
 * complete. A run that was cancelled leaves the attempt paused, unless the cancel came from the API: that paused it at
 * once, and a person may have started another backfill since.
 * @returns undefined if the attempt is gone
 */
export async function settleBackfill(db: Database, settlement: Settlement): Promise<Settled | undefined> {
  const complete = await completeAtOnce(db, settlement.attemptId);
  if (!complete) return settleUnderLock(db, settlement);
  const { revision, executions, lines, seconds } = complete;
  const counts = { executions, linesDeclared: lines, linesStored: lines };
  return { state: 'complete', needsBackfill: false, revision, seconds, ...counts };
}

interface BeforeSettling {
  seconds: number;
  isBehind: boolean;
  isAnnounced: boolean;
  isConnected: boolean;
}

function settleUnderLock(db: Database, settlement: Settlement): Promise<Settled | undefined> {
  const { attemptId, runId, revision = null, reason = null, progressed, goesOn = {} } = settlement;
  return db.$transaction(async (tx) => {
    await lockAttempts(tx, [attemptId]);
    const [held] = await tx.$queryRaw<BeforeSettling[]>`
      SELECT extract(epoch FROM now() - s.requested_at)::float8 AS seconds, a.revision > a.described_revision AS "isBehind",
        COALESCE(a.revision > ${revision}::bigint, false) AS "isAnnounced",
        EXISTS (SELECT FROM node_lease l WHERE l.node_id = s.node_id AND l.expires_at > now()) AS "isConnected"
      FROM attempt_sync s JOIN attempt a ON a.id = s.attempt_id
      WHERE s.attempt_id = ${attemptId}::uuid AND ${isOfRun(Prisma.sql`s`, settlement)}`;
    const [sync] = await computeSync(tx, [attemptId]);
    if (!sync) return undefined;
    const { revision: known, state, needsBackfill, backfillSeconds: seconds } = sync;
    const now = { revision: known, state, needsBackfill, seconds, ...(await countAttemptLines(tx, attemptId)) };
    if (settlement.ending === 'cancelled') await pauseAfter(tx, attemptId, runId);
    if (!held || state !== 'pending_backfill') return now; // this run does not hold it, or no longer
    const { isBehind, isAnnounced, isConnected } = held;
    const reasons = [
      goesOn.ifBehind && isBehind,
      goesOn.ifIncomplete,
      goesOn.ifAnnounced && isAnnounced,
      goesOn.ifConnected && isConnected,
    ];
    if (needsBackfill && reasons.includes(true)) return { ...now, goesOn: true };
    // That a node went away says nothing about the attempt, which is tried again as soon as the node is back.
    const ending = settlement.ending === 'unavailable' && isAnnounced ? 'failed' : settlement.ending;
    const backsOff = !progressed && !isAnnounced && (ending === 'failed' || ending === 'done');
    // An attempt that the node did not have stays so if a backfill that a person started could not ask the node.
    const [settled] = await tx.$queryRaw<Pick<Settled, 'state' | 'needsBackfill'>[]>`
      UPDATE attempt_sync s SET run_id = NULL,
        last_error = CASE WHEN s.too_large_until > now() THEN concat('too_large: ', s.too_large) ELSE ${reason}::text END,
        state = CASE WHEN ${ending} = 'unavailable' OR (${ending} <> 'done' AND s.unavailable_reason IS NOT NULL)
                     THEN 'unavailable' ELSE 'partial' END::sync_state,
        unavailable_reason = CASE ${ending} WHEN 'unavailable' THEN ${reason}::text WHEN 'done' THEN NULL
                             ELSE s.unavailable_reason END,
        needs_backfill = s.needs_backfill AND ${ending} <> 'unavailable' AND (${ending} = 'done' OR s.unavailable_reason IS NULL),
        idle_backfills = CASE WHEN ${backsOff} THEN s.idle_backfills + 1
                              WHEN ${ending} = 'unavailable' THEN s.idle_backfills ELSE 0 END,
        retry_at = GREATEST(${RETRY_AT_ONCE}, CASE WHEN ${backsOff} AND s.needs_backfill AND (${ending} = 'done' OR s.unavailable_reason IS NULL)
                        THEN ${retryAfter(Prisma.sql`s.idle_backfills`)} END)
      WHERE s.attempt_id = ${attemptId}::uuid AND ${isOfRun(Prisma.sql`s`, settlement)}
      RETURNING s.state, s.needs_backfill AS "needsBackfill"`;
    return { ...now, ...settled, seconds: held.seconds };
  });
}

/** Settling again, after an answer that was lost, changes nothing: the run has been named by then. */
async function pauseAfter(tx: Queryable, attemptId: string, runId: string | null): Promise<void> {
  await tx.$executeRaw`
    UPDATE attempt_sync SET cancelled_run = ${runId}, cancelled_at = NULL,
      paused = paused OR (state <> 'complete' AND cancelled_run IS DISTINCT FROM ${runId})
    WHERE attempt_id = ${attemptId}::uuid`;
}

/** Counts over the attempt's executions: the lines that the node declares, and those that the hive has stored. */
export async function countAttemptLines(db: Queryable, attemptId: string): Promise<AttemptLines> {
  const [row] = await db.$queryRaw<AttemptLines[]>`
    SELECT count(*)::int AS executions, COALESCE(sum(e.declared_lines), 0)::float8 AS "linesDeclared",
           COALESCE(sum(${STORED_LINES}), 0)::float8 AS "linesStored"
    FROM execution e WHERE e.attempt_id = ${attemptId}::uuid AND NOT e.gone_from_node`;
  return row ?? { executions: 0, linesDeclared: 0, linesStored: 0 };
}
