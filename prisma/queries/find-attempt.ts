import { Prisma } from '../database.js';
import type { SyncState } from '../generated/client.js';
import type { OrganizationScope } from '../organization-scope.js';
import type { AttemptSync } from '../../protocol/frames.js';
import { NODE_STATUS } from './list-nodes.js';

/** An attempt with how far the hive's copy of it is. */
export interface AttemptRow {
  id: string;
  node_id: string;
  revision: bigint;
  execution_count: number;
  metadata: AttemptSync;
  state: SyncState;
  needs_backfill: boolean;
  requested_at: Date | null;
  last_full_sync_at: Date | null;
  retry_at: Date | null;
  paused: boolean;
  last_error: string | null;
  unavailable_reason: string | null;
}

/** Beside the attempt: its node, and counts over its executions. */
export interface AttemptDetailRow extends AttemptRow {
  node_name: string;
  node_public_url: string | null;
  node_status: string;
  executions: number;
  all_ended: boolean;
  lines_declared: bigint;
  lines_stored: bigint;
}

/** Columns of {@link AttemptRow} from `attempt a` and `attempt_sync s`. */
export const ATTEMPT_COLUMNS = Prisma.sql`
  a.id, a.node_id, a.revision, a.execution_count, a.metadata, s.state, s.needs_backfill, s.requested_at,
  s.last_full_sync_at, s.retry_at, s.paused, s.last_error, s.unavailable_reason`;

export async function findAttempt(scope: OrganizationScope, attemptId: string): Promise<AttemptDetailRow | undefined> {
  const [attempt] = await scope.query<AttemptDetailRow>(Prisma.sql`
    SELECT ${ATTEMPT_COLUMNS}, n.name AS node_name, n.public_url AS node_public_url, ${NODE_STATUS} AS node_status,
           e.executions, e.all_ended, e.lines_declared, e.lines_stored
    FROM attempt a
    JOIN attempt_sync s ON s.attempt_id = a.id
    JOIN node n ON n.id = a.node_id
    LEFT JOIN node_lease l ON l.node_id = n.id
    CROSS JOIN LATERAL (
      SELECT count(*)::int AS executions,
             coalesce(bool_and(status <> 'running'), true) AS all_ended,
             coalesce(sum(declared_lines), 0) AS lines_declared,
             coalesce(sum(stored_lines) FILTER (WHERE stored_epoch = log_epoch), 0) AS lines_stored
      FROM execution WHERE attempt_id = a.id AND NOT gone_from_node
    ) e
    WHERE a.id = ${attemptId}::uuid AND a.organization_id = ${scope.organizationId}::uuid`);
  return attempt;
}

export interface AttemptSyncState {
  node_id: string;
  state: SyncState;
  needs_backfill: boolean;
}

/** The least that tells whether a backfill has ended; cheap enough to be asked again and again. */
export async function findAttemptState(
  scope: OrganizationScope,
  attemptId: string,
): Promise<AttemptSyncState | undefined> {
  const [state] = await scope.query<AttemptSyncState>(Prisma.sql`
    SELECT a.node_id, s.state, s.needs_backfill
    FROM attempt a JOIN attempt_sync s ON s.attempt_id = a.id
    WHERE a.id = ${attemptId}::uuid AND a.organization_id = ${scope.organizationId}::uuid`);
  return state;
}

export interface MissingLines {
  execution_id: string;
  first_seq: number;
  last_seq: number;
  reason: string;
}

/** Which declared lines the hive does not hold, at most `limit` ranges, one an execution. */
export async function listMissingLines(
  scope: OrganizationScope,
  attemptId: string,
  limit: number,
): Promise<MissingLines[]> {
  return scope.query(Prisma.sql`
    SELECT m.id AS execution_id, m.stored + 1 AS first_seq, m.declared_lines AS last_seq,
           CASE WHEN m.set_aside_reason IS NOT NULL THEN m.set_aside_reason
                WHEN m.stored_epoch <> m.log_epoch THEN 'replaced'
                WHEN m.has_gap THEN 'gap'
                ELSE 'not_stored_yet' END AS reason
    FROM (
      SELECT e.*, CASE WHEN e.stored_epoch = e.log_epoch THEN e.stored_lines ELSE 0 END AS stored
      FROM execution e JOIN attempt a ON a.id = e.attempt_id
      WHERE e.attempt_id = ${attemptId}::uuid AND a.organization_id = ${scope.organizationId}::uuid
    ) m
    WHERE m.stored < m.declared_lines AND NOT m.gone_from_node
    ORDER BY m.ordinal LIMIT ${limit}`);
}
