import type { Queryable } from '../database.js';

/** A session whose socket the hive has, as the hive knows it. */
export interface OpenSession {
  nodeId: string;
  fence: bigint;
  apiKeyId: string;
}

export interface LostSession {
  nodeId: string;
  fence: bigint;
  /**
   * `forgotten`: the database knows nothing of the session any more, and of no newer one. `stale`: what its login told
   * the node has changed.
   */
  reason: 'superseded' | 'revoked' | 'blocked' | 'forgotten' | 'stale';
}

/**
 * Which of the hive's sessions must end: a newer session has the lease, the key or the node is gone, the database went
 * back to a state before the session, or what the session's login told the node has changed.
 */
export function findLostSessions(db: Queryable, sessions: OpenSession[]): Promise<LostSession[]> {
  return db.$queryRaw`
    SELECT session.node_id AS "nodeId", session.fence,
           CASE WHEN key.id IS NULL OR key.revoked_at IS NOT NULL THEN 'revoked'
                WHEN key.blocked_at IS NOT NULL THEN 'blocked'
                WHEN lease.fence > session.fence THEN 'superseded'
                WHEN lease.stale_fence = session.fence THEN 'stale' ELSE 'forgotten' END AS reason
    FROM unnest(${sessions.map(({ nodeId }) => nodeId)}::uuid[], ${sessions.map(({ fence }) => fence)}::bigint[],
                ${sessions.map(({ apiKeyId }) => apiKeyId)}::uuid[]) AS session (node_id, fence, key_id)
    LEFT JOIN node_lease lease ON lease.node_id = session.node_id
    LEFT JOIN node_api_key key ON key.id = session.key_id
    WHERE lease.fence IS DISTINCT FROM session.fence OR lease.stale_fence = session.fence
      OR key.id IS NULL OR key.revoked_at IS NOT NULL OR key.blocked_at IS NOT NULL`;
}
