import type { Queryable } from '../database.js';

/** Counts the nodes of all organisations whose sockets no hive has by the database's clock. */
export async function countAbsentNodes(db: Queryable): Promise<number> {
  const [row] = await db.$queryRaw<{ count: number }[]>`
    SELECT count(*)::int AS count FROM node n
    WHERE NOT EXISTS (SELECT FROM node_lease l WHERE l.node_id = n.id AND l.expires_at > now())`;
  return row?.count ?? 0;
}
