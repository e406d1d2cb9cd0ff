import type { Queryable } from '../database.js';

/** @returns those of the ids that an attempt of any node has */
export async function listExistingAttempts(db: Queryable, ids: string[]): Promise<Set<string>> {
  const rows = await db.$queryRaw<{ id: string }[]>`SELECT id FROM attempt WHERE id = ANY (${ids}::uuid[])`;
  return new Set(rows.map(({ id }) => id));
}
