import type { Queryable } from '../database.js';

/** A heartbeat that arrived on a session's socket. */
export interface Heartbeat {
  nodeId: string;
  fence: bigint;
  status: string;
}

/**
 * Renews the leases of sessions that were heard from, even expired ones, and stores the status that their nodes report.
 */
export async function renewLeases(db: Queryable, heartbeats: Heartbeat[], ttlSeconds: number): Promise<void> {
  await db.$executeRaw`
    WITH beat AS (
      SELECT * FROM unnest(${heartbeats.map((beat) => beat.nodeId)}::uuid[], ${heartbeats.map((beat) => beat.fence)}::bigint[],
                           ${heartbeats.map((beat) => beat.status)}::text[]) AS t (node_id, fence, status)
    ), renewed AS (
      UPDATE node_lease SET expires_at = now() + make_interval(secs => ${ttlSeconds})
      FROM beat WHERE node_lease.node_id = beat.node_id AND node_lease.fence = beat.fence
      RETURNING beat.node_id, beat.status
    )
    UPDATE node SET last_heartbeat_at = now(), status = renewed.status, updated_at = now()
    FROM renewed WHERE node.id = renewed.node_id`;
}
