import type { SyncState } from '../../protocol/frames.js';
import { Prisma, type Queryable } from '../database.js';

export interface ComputedSync {
  attemptId: string;
  /** The node's newest revision that the hive knows. */
  revision: bigint;
  state: SyncState;
  needsBackfill: boolean;
}

/** As `judged`: of each attempt (`a`), whether it is complete, whether it needs a backfill, and its lines. */
const judgement = (which: Prisma.Sql) => Prisma.sql`
  WITH counted AS (
    SELECT a.id, a.revision, a.described_revision >= a.revision AND count(e.id) = a.execution_count AS described,
      count(e.id)::int AS executions, COALESCE(sum(e.declared_lines), 0)::float8 AS declared_lines,
      COALESCE(bool_and(e.status <> 'running'), true) AS ended,
      COALESCE(bool_and(e.stored_epoch = e.log_epoch AND e.stored_lines = e.declared_lines), true) AS stored,
      COALESCE(bool_or(e.set_aside_reason IS NULL AND CASE e.status
        WHEN 'running' THEN e.has_gap
        ELSE e.stored_epoch <> e.log_epoch OR e.stored_lines <> e.declared_lines END), false) AS gap
    FROM attempt a LEFT JOIN execution e ON e.attempt_id = a.id AND NOT e.gone_from_node
    WHERE ${which} GROUP BY a.id
  ), judged AS (
    SELECT id, revision, described AND ended AND stored AS complete, NOT described OR gap AS needs_backfill,
           executions, declared_lines
    FROM counted
  )`;

/** The row `s` of attempt_sync, as `judged` makes it. */
const computed = Prisma.sql`
  needs_backfill = judged.needs_backfill AND s.state <> 'unavailable',
  state = CASE WHEN judged.complete THEN 'complete' WHEN s.state = 'complete' THEN 'partial' ELSE s.state END,
  run_id = CASE WHEN judged.complete THEN NULL ELSE s.run_id END,
  last_error = CASE WHEN judged.complete THEN NULL ELSE s.last_error END,
  unavailable_reason = CASE WHEN judged.complete THEN NULL ELSE s.unavailable_reason END,
  retry_at = CASE WHEN judged.complete THEN NULL ELSE s.retry_at END,
  idle_backfills = CASE WHEN judged.complete THEN 0 ELSE s.idle_backfills END,
  last_full_sync_at = CASE WHEN judged.complete AND s.state <> 'complete' THEN now() ELSE s.last_full_sync_at END`;

/**
 * Computes what the hive's copy of the attempts is, from what it has stored. The attempts' rows must be locked by the
 * transaction: whatever changes a state does so under that lock. It writes each row, also where that changes nothing: from
 * the row's version {@link completeAtOnce} sees that someone has judged meanwhile.
 *
 * Complete: the node's newest revision is described, there are as many executions as it says, all have ended, and each
 * has as many lines stored as declared, of the same epoch.
 */
export function computeSync(tx: Queryable, attemptIds: string[]): Promise<ComputedSync[]> {
  return tx.$queryRaw<ComputedSync[]>`
    ${judgement(Prisma.sql`a.id = ANY (${attemptIds}::uuid[])`)}
    UPDATE attempt_sync s SET ${computed}
    FROM judged WHERE s.attempt_id = judged.id
    RETURNING s.attempt_id AS "attemptId", judged.revision, s.state, s.needs_backfill AS "needsBackfill"`;
}

export interface CompletedSync {
  revision: bigint;
  executions: number;
  lines: number;
  /** From the request of the run's backfill to now; null where another run held the attempt, or none. */
  seconds: number | null;
}

/**
 * What {@link computeSync} under {@link lockAttempts} does, in one statement, where it makes the attempt complete. The
 * statement judges what was committed before it began. What has changed the state since, it sees by the row's version
 * (`seen`), and then it does nothing; what would change it from here on waits for the lock.
 * @param runId of the backfill that ends with it, if one does
 * @returns undefined where that is not so: nothing has changed, and the answer is to be had under the lock
 */
export async function completeAtOnce(
  db: Queryable,
  attemptId: string,
  runId: string | null,
): Promise<CompletedSync | undefined> {
  const [row] = await db.$queryRaw<CompletedSync[]>`
    ${judgement(Prisma.sql`a.id = ${attemptId}::uuid`)}, locked AS MATERIALIZED (
      SELECT id FROM attempt WHERE id = ${attemptId}::uuid FOR UPDATE
    )
    UPDATE attempt_sync s SET ${computed}
    FROM judged, locked, attempt_sync seen
    WHERE s.attempt_id = judged.id AND judged.complete AND locked.id = judged.id
      AND seen.attempt_id = s.attempt_id AND seen.xmin = s.xmin
    RETURNING judged.revision, judged.executions, judged.declared_lines AS lines,
      CASE WHEN seen.run_id = ${runId}::text THEN extract(epoch FROM now() - seen.requested_at)::float8 END AS seconds`;
  return row;
}

/** Locks the attempts' rows in one order for all, so that two transactions can't wait for each other. */
export async function lockAttempts(tx: Queryable, attemptIds: string[]): Promise<void> {
  await tx.$queryRaw`SELECT 1 FROM attempt WHERE id = ANY (${attemptIds}::uuid[]) ORDER BY id FOR UPDATE`;
}

export interface Misjudged {
  attemptId: string;
  state: SyncState;
  isComplete: boolean;
}

/**
 * Those of the attempts whose state is not what {@link computeSync} makes of what is stored. One that is being
 * backfilled is left to its backfill, which may have been asked for without a gap.
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
