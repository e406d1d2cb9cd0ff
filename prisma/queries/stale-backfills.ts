import type { Queryable } from '../database.js';

export interface StaleBackfill {
  attemptId: string;
  /** Null: a trigger claimed the attempt, and no workflow has taken it up. */
  runId: string | null;
}

/** Attempts that have been in `pending_backfill` for longer than `minutes`, by id. Their workflows may still run. */
export function listStaleBackfills(
  db: Queryable,
  minutes: number,
  afterAttemptId: string | undefined,
  limit: number,
): Promise<StaleBackfill[]> {
  return db.$queryRaw<StaleBackfill[]>`
    SELECT attempt_id AS "attemptId", run_id AS "runId" FROM attempt_sync
    WHERE state = 'pending_backfill' AND requested_at < now() - ${minutes}::float8 * interval '1 minute'
      AND (${afterAttemptId ?? null}::uuid IS NULL OR attempt_id > ${afterAttemptId ?? null}::uuid)
    ORDER BY attempt_id LIMIT ${limit}`;
}

/** Puts the attempt back to `partial` if it is still held by that run. */
export async function resetStaleBackfill(db: Queryable, stale: StaleBackfill): Promise<boolean> {
  const changed = await db.$executeRaw`
    UPDATE attempt_sync SET state = 'partial', run_id = NULL
    WHERE attempt_id = ${stale.attemptId}::uuid AND state = 'pending_backfill' AND run_id IS NOT DISTINCT FROM ${stale.runId}`;
  return changed === 1;
}
