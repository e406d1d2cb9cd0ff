import { Prisma, type Queryable } from '../database.js';

/** Counts the attempts in `pending_backfill` of all organisations; a partial index contains nothing else. */
export async function countPendingBackfills(db: Queryable): Promise<number> {
  const [row] = await db.$queryRaw<{ count: number }[]>`
    SELECT count(*)::int AS count FROM attempt_sync WHERE state = 'pending_backfill'`;
  return row?.count ?? 0;
}

export interface StaleBackfill {
  attemptId: string;
  /** Null if a trigger claimed the attempt and no workflow has taken it over. */
  runId: string | null;
}

/** Attempts that have been in `pending_backfill` for longer than `minutes`, by id. Their workflows may still run. */
export function listStaleBackfills(
  db: Queryable,
  minutes: number,
  afterAttemptId: string | undefined,
  limit: number,
): Promise<StaleBackfill[]> {
  return db.$queryRaw`
    SELECT attempt_id AS "attemptId", run_id AS "runId" FROM attempt_sync
    WHERE state = 'pending_backfill' AND requested_at < now() - ${minutes}::float8 * interval '1 minute'
      ${afterAttemptId === undefined ? Prisma.empty : Prisma.sql`AND attempt_id > ${afterAttemptId}::uuid`}
    ORDER BY attempt_id LIMIT ${limit}`;
}

/**
 * Puts the attempt back to `partial` if that run still holds it.
 * @returns whether it did
 */
export async function resetStaleBackfill(db: Queryable, stale: StaleBackfill): Promise<boolean> {
  const changed = await db.$executeRaw`
    UPDATE attempt_sync SET state = 'partial', run_id = NULL
    WHERE attempt_id = ${stale.attemptId}::uuid AND state = 'pending_backfill' AND run_id IS NOT DISTINCT FROM ${stale.runId}`;
  return changed === 1;
}
