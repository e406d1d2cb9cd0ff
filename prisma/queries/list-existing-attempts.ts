import type { Queryable } from '../database.js';

/** @returns those of the ids that an attempt of any node has, or had before it was deleted */
export async function listExistingAttempts(db: Queryable, ids: string[]): Promise<Set<string>> {
  const rows = await db.$queryRaw<{ id: string }[]>`
    SELECT id FROM attempt WHERE id = ANY (${ids}::uuid[])
    UNION ALL SELECT attempt_id FROM deleted_attempt WHERE attempt_id = ANY (${ids}::uuid[])`;
  return new Set(rows.map(({ id }) => id));
}
