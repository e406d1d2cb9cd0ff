import type { Queryable } from '../database.js';

export interface HeldSession {
  nodeId: string;
  fence: bigint;
  apiKeyId: string;
}

export interface LostSession {
  nodeId: string;
  fence: bigint;
  reason: 'superseded' | 'revoked' | 'blocked';
}

/** Which of the sessions that a hive holds must end: a newer session has the lease, or the key or the node is gone. */
export function findLostSessions(db: Queryable, sessions: HeldSession[]): Promise<LostSession[]> {
  return db.$queryRaw<LostSession[]>`
    SELECT held.node_id AS "nodeId", held.fence,
           CASE WHEN key.id IS NULL OR key.revoked_at IS NOT NULL THEN 'revoked'
                WHEN key.blocked_at IS NOT NULL THEN 'blocked' ELSE 'superseded' END AS reason
    FROM unnest(${sessions.map((session) => session.nodeId)}::uuid[], ${sessions.map((session) => session.fence)}::bigint[],
                ${sessions.map((session) => session.apiKeyId)}::uuid[]) AS held (node_id, fence, key_id)
    LEFT JOIN node_lease lease ON lease.node_id = held.node_id
    LEFT JOIN node_api_key key ON key.id = held.key_id
    WHERE lease.fence IS DISTINCT FROM held.fence OR key.id IS NULL OR key.revoked_at IS NOT NULL OR key.blocked_at IS NOT NULL`;
}
