import type { Queryable } from '../database.js';

/** Attempts in `pending_backfill`, of all organisations: a partial index holds them alone. */
export async function countPendingBackfills(db: Queryable): Promise<number> {
  const [row] = await db.$queryRaw<{ count: number }[]>`
    SELECT count(*)::int AS count FROM attempt_sync WHERE state = 'pending_backfill'`;
  return row?.count ?? 0;
}
