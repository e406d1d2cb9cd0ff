import type { SyncState } from '../../protocol/frames.js';
import { Prisma, type Queryable, type RawQueryable } from '../client.js';

export interface ComputedSync {
  attemptId: string;
  /** The node's newest revision that the hive knows. */
  revision: bigint;
  state: SyncState;
  needsBackfill: boolean;
}

/** As `judged`: of each attempt, whether it is complete, and whether it needs a backfill. */
const judgement = (attemptIds: string[]) => Prisma.sql`
  WITH counted AS (
    SELECT a.id, a.revision, a.described_revision >= a.revision AND count(e.id) = a.execution_count AS described,
      COALESCE(bool_and(e.status <> 'running'), true) AS ended,
      COALESCE(bool_and(e.stored_epoch = e.log_epoch AND e.stored_lines = e.declared_lines), true) AS stored,
      COALESCE(bool_or(e.set_aside_reason IS NULL AND CASE e.status
        WHEN 'running' THEN e.has_gap
        ELSE e.stored_epoch <> e.log_epoch OR e.stored_lines <> e.declared_lines END), false) AS gap
    FROM attempt a LEFT JOIN execution e ON e.attempt_id = a.id AND NOT e.gone_from_node
    WHERE a.id = ANY (${attemptIds}::uuid[]) GROUP BY a.id
  ), judged AS (
    SELECT id, revision, described AND ended AND stored AS complete, NOT described OR gap AS needs_backfill FROM counted
  )`;

/**
 * Computes what the hive's copy of the attempts is, from what it has stored. The attempts' rows must be locked by the
 * transaction: whatever changes a state does so under that lock.
 *
 * Complete: the node's newest revision is described, there are as many executions as it says, all have ended, and each
 * has as many lines stored as declared, of the same epoch.
 */
export function computeSync(tx: RawQueryable, attemptIds: string[]): Promise<ComputedSync[]> {
  return tx.$queryRaw<ComputedSync[]>`
    ${judgement(attemptIds)}
    UPDATE attempt_sync s SET
      needs_backfill = judged.needs_backfill AND s.state <> 'unavailable',
      state = CASE WHEN judged.complete THEN 'complete' WHEN s.state = 'complete' THEN 'partial' ELSE s.state END,
      run_id = CASE WHEN judged.complete THEN NULL ELSE s.run_id END,
      last_error = CASE WHEN judged.complete THEN NULL ELSE s.last_error END,
      unavailable_reason = CASE WHEN judged.complete THEN NULL ELSE s.unavailable_reason END,
      retry_at = CASE WHEN judged.complete THEN NULL ELSE s.retry_at END,
      idle_backfills = CASE WHEN judged.complete THEN 0 ELSE s.idle_backfills END,
      last_full_sync_at = CASE WHEN judged.complete AND s.state <> 'complete' THEN now() ELSE s.last_full_sync_at END
    FROM judged WHERE s.attempt_id = judged.id
    RETURNING s.attempt_id AS "attemptId", judged.revision, s.state, s.needs_backfill AS "needsBackfill"`;
}

/** Locks the attempts' rows in one order for all, so that two transactions can't wait for each other. */
export async function lockAttempts(tx: RawQueryable, attemptIds: string[]): Promise<void> {
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
    ${judgement(attemptIds)}
    SELECT judged.id AS "attemptId", s.state, judged.complete AS "isComplete"
    FROM judged JOIN attempt_sync s ON s.attempt_id = judged.id
    WHERE s.state <> 'pending_backfill'
      AND (judged.complete <> (s.state = 'complete')
           OR (s.state <> 'unavailable' AND judged.needs_backfill <> s.needs_backfill))`;
}
