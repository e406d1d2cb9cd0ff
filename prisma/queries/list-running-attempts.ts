import type { SyncState } from '../../protocol/frames.js';
import type { Queryable } from '../database.js';

export interface RunningAttempt {
  attemptId: string;
  /** The node's newest revision that the hive knows. */
  revision: bigint;
  state: SyncState;
}

/** The node's attempts with an execution whose end the hive has not heard of. */
export function listRunningAttempts(db: Queryable, nodeId: string): Promise<RunningAttempt[]> {
  return db.$queryRaw`
    SELECT a.id AS "attemptId", a.revision, s.state FROM attempt a JOIN attempt_sync s ON s.attempt_id = a.id
    WHERE a.node_id = ${nodeId}::uuid AND s.state IN ('partial', 'pending_backfill')
      AND EXISTS (SELECT FROM execution e WHERE e.attempt_id = a.id AND e.status = 'running' AND NOT e.gone_from_node)`;
}
