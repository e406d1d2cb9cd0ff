import type { SyncState } from '../../protocol/frames.js';
import { Prisma, type Database, type Queryable } from '../database.js';
import { IS_WHOLE, NEEDS_PULL } from './stored-lines.js';

export interface ComputedSync {
  attemptId: string;
  /** The node's newest revision that the hive knows. */
  revision: bigint;
  state: SyncState;
  needsBackfill: boolean;
  /**
   * Seconds since its backfill was requested, if this made the attempt complete and so ended that backfill, whichever
   * run had it. Whoever gets this has to count it. Null otherwise.
   */
  backfillSeconds: number | null;
}

/** The CTE `judged`: for each attempt (`a`), whether it is complete, whether it needs a backfill, and its lines. */
const judgement = (which: Prisma.Sql) => Prisma.sql`
  WITH counted AS (
    SELECT a.id, a.revision, a.described_revision >= a.revision AND count(e.id) = a.execution_count AS described,
      count(e.id)::int AS executions, COALESCE(sum(e.declared_lines), 0)::float8 AS declared_lines,
      COALESCE(bool_and(e.status <> 'running'), true) AS ended,
      COALESCE(bool_and(${IS_WHOLE}), true) AS stored,
      COALESCE(bool_or(${NEEDS_PULL}), false) AS gap
    FROM attempt a LEFT JOIN execution e ON e.attempt_id = a.id AND NOT e.gone_from_node
    WHERE ${which} GROUP BY a.id
  ), judged AS (
    SELECT id, revision, described AND ended AND stored AS complete, NOT described OR gap AS needs_backfill,
           executions, declared_lines
    FROM counted
  )`;

/** The SET list that gives a row `s` of attempt_sync the state that `judged` found. */
const computed = Prisma.sql`
  needs_backfill = judged.needs_backfill AND s.state <> 'unavailable',
  state = CASE WHEN judged.complete THEN 'complete' WHEN s.state = 'complete' THEN 'partial' ELSE s.state END,
  run_id = CASE WHEN judged.complete THEN NULL ELSE s.run_id END,
  last_error = CASE WHEN judged.complete THEN NULL ELSE s.last_error END,
  paused = s.paused AND NOT judged.complete,
  unavailable_reason = CASE WHEN judged.complete THEN NULL ELSE s.unavailable_reason END,
  retry_at = CASE WHEN judged.complete THEN NULL ELSE s.retry_at END,
  too_large = CASE WHEN judged.complete THEN NULL ELSE s.too_large END,
  too_large_until = CASE WHEN judged.complete THEN NULL ELSE s.too_large_until END,
  idle_backfills = CASE WHEN judged.complete THEN 0 ELSE s.idle_backfills END,
  last_full_sync_at = CASE WHEN judged.complete AND s.state <> 'complete' THEN now() ELSE s.last_full_sync_at END`;

/**
 * Computes the attempts' states from what the hive has stored. The transaction must have locked the attempts' rows,
 * because states change only under that lock. It writes every row, even if nothing changes: the row's version tells
 * {@link completeAtOnce} that the attempt has been judged meanwhile.
 *
 * An attempt is complete if the node's newest revision is described, there are as many executions as the node says, all
 * of them have ended, and each has as many lines stored as declared, of the same epoch.
 */
export function computeSync(tx: Queryable, attemptIds: string[]): Promise<ComputedSync[]> {
  // locked, because a run may take hold of the attempt at the same time, without the lock on the attempt's row
  return tx.$queryRaw<ComputedSync[]>`
    ${judgement(Prisma.sql`a.id = ANY (${attemptIds}::uuid[])`)}, former AS MATERIALIZED (
      SELECT attempt_id, state, requested_at FROM attempt_sync WHERE attempt_id = ANY (${attemptIds}::uuid[])
      ORDER BY attempt_id FOR UPDATE
    )
    UPDATE attempt_sync s SET ${computed}
    FROM judged JOIN former ON former.attempt_id = judged.id
    WHERE s.attempt_id = judged.id
    RETURNING s.attempt_id AS "attemptId", judged.revision, s.state, s.needs_backfill AS "needsBackfill",
      ${endedAfter(Prisma.sql`former`)} AS "backfillSeconds"`;
}

/** Since when the backfill that ends now was requested, if the attempt was in one and is complete now. */
const endedAfter = (former: Prisma.Sql) => Prisma.sql`
  CASE WHEN judged.complete AND ${former}.state = 'pending_backfill'
       THEN GREATEST(extract(epoch FROM now() - ${former}.requested_at), 0)::float8 END`;

/** A workflow run, and the claim that it was started for, if it was claimed. */
export interface ClaimedRun {
  /** Null if none has held the attempt. */
  runId: string | null;
  claim?: string;
}

/** Condition on a row of attempt_sync: the run holds the attempt, or the attempt is still claimed for that run. */
export const isOfRun = (row: Prisma.Sql, { runId, claim = '-infinity' }: ClaimedRun) => Prisma.sql`
  (${row}.state = 'pending_backfill' AND (${row}.run_id = ${runId}::text
    OR (${row}.run_id IS NULL AND ${row}.requested_at = ${claim}::timestamptz)))`;

export interface CompletedSync {
  revision: bigint;
  executions: number;
  lines: number;
  /** As {@link ComputedSync}'s `backfillSeconds`. */
  seconds: number | null;
}

/**
 * Does in one statement what {@link computeSync} does under {@link lockAttempts}, if that makes the attempt complete.
 * The statement judges what was committed before it began. If anything has changed the state since, the row's version
 * (`seen`) differs, and the statement does nothing; whatever would change it later waits for the lock. Nor does it do
 * anything while another transaction has the lock.
 * @returns undefined if the attempt may not be complete: nothing has changed, and only the way under the lock can tell
 */
export async function completeAtOnce(db: Queryable, attemptId: string): Promise<CompletedSync | undefined> {
  const [row] = await db.$queryRaw<CompletedSync[]>`
    ${judgement(Prisma.sql`a.id = ${attemptId}::uuid`)}, locked AS MATERIALIZED (
      SELECT id FROM attempt WHERE id = ${attemptId}::uuid FOR UPDATE SKIP LOCKED
    )
    UPDATE attempt_sync s SET ${computed}
    FROM judged, locked, attempt_sync seen
    WHERE s.attempt_id = judged.id AND judged.complete AND locked.id = judged.id
      AND seen.attempt_id = s.attempt_id AND seen.xmin = s.xmin
    RETURNING judged.revision, judged.executions, judged.declared_lines AS lines,
      ${endedAfter(Prisma.sql`seen`)} AS seconds`;
  return row;
}

/** Locks the attempts' rows, always in the same order, so that two transactions can't wait for each other. */
export async function lockAttempts(tx: Queryable, attemptIds: string[]): Promise<void> {
  await tx.$queryRaw`SELECT 1 FROM attempt WHERE id = ANY (${attemptIds}::uuid[]) ORDER BY id FOR UPDATE`;
}

/**
 * Locks those of the attempts that no other transaction has locked or is just inserting, and never waits for one.
 * @returns the ids of the others
 */
export async function lockFreeAttempts(tx: Queryable, attemptIds: string[]): Promise<Set<string>> {
  // An attempt that is being inserted has no row to see yet: whoever inserts it has the advisory lock of its id.
  const rows = await tx.$queryRaw<{ id: string }[]>`
    WITH free AS MATERIALIZED (
      SELECT id FROM attempt WHERE id = ANY (${attemptIds}::uuid[]) ORDER BY id FOR UPDATE SKIP LOCKED
    )
    SELECT asked.id FROM unnest(${attemptIds}::uuid[]) AS asked (id)
    LEFT JOIN free ON free.id = asked.id LEFT JOIN attempt a ON a.id = asked.id
    WHERE CASE WHEN free.id IS NOT NULL THEN false WHEN a.id IS NOT NULL THEN true
               ELSE NOT pg_try_advisory_xact_lock(hashtextextended(asked.id::text, 0)) END`;
  return new Set(rows.map(({ id }) => id));
}

/** A live page's end waits no longer than this for an attempt. */
const RECOMPUTE_LOCK_MS = 500;

/**
 * Computes one attempt's state again, after something about its stored lines has changed.
 * @returns undefined if the attempt is gone
 * @throws an error that isLocked recognises, if another transaction has the attempt
 */
export async function recomputeAttempt(db: Database, attemptId: string): Promise<ComputedSync | undefined> {
  const complete = await completeAtOnce(db, attemptId);
  if (complete) {
    const { revision, seconds: backfillSeconds } = complete;
    return { attemptId, revision, state: 'complete', needsBackfill: false, backfillSeconds };
  }
  return db.$transaction(
    async (tx) => {
      await lockAttempts(tx, [attemptId]);
      return (await computeSync(tx, [attemptId]))[0];
    },
    { lockMs: RECOMPUTE_LOCK_MS },
  );
}

export interface Misjudged {
  attemptId: string;
  state: SyncState;
  isComplete: boolean;
}

/**
 * Finds those of the attempts whose state is not the one that {@link computeSync} would compute. One that is being
 * backfilled is left out, because a person may have asked for its backfill without a gap.
 */
export function listMisjudged(db: Queryable, attemptIds: string[]): Promise<Misjudged[]> {
  return db.$queryRaw<Misjudged[]>`
    ${judgement(Prisma.sql`a.id = ANY (${attemptIds}::uuid[])`)}
    SELECT judged.id AS "attemptId", s.state, judged.complete AS "isComplete"
    FROM judged JOIN attempt_sync s ON s.attempt_id = judged.id
    WHERE s.state <> 'pending_backfill'
      AND (judged.complete <> (s.state = 'complete')
           OR (s.state <> 'unavailable' AND judged.needs_backfill <> s.needs_backfill))`;
}
