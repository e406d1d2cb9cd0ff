import { Prisma } from '../database.js';
import type { SyncState } from '../generated/client.js';
import type { OrganizationScope } from '../organization-scope.js';
import type { AttemptSync, ExecutionStatus } from '../../protocol/frames.js';
import { NODE_STATUS } from './list-nodes.js';
import { STORED_LINES } from './stored-lines.js';

/** An attempt, and how much of it the hive has. */
export interface AttemptRow {
  id: string;
  nodeId: string;
  revision: bigint;
  executionCount: number;
  arrivedAt: Date;
  metadata: AttemptSync;
  state: SyncState;
  needsBackfill: boolean;
  requestedAt: Date | null;
  lastFullSyncAt: Date | null;
  retryAt: Date | null;
  paused: boolean;
  lastError: string | null;
  unavailableReason: string | null;
  /** `running` if any of its executions runs, otherwise the status of the last one; null if there is none. */
  status: ExecutionStatus | null;
  /** Of the last execution, by the order in which the hive learnt of them. */
  exitCode: number | null;
  command: string | null;
}

/** An attempt with its node, and counts over its executions. */
export interface AttemptDetailRow extends AttemptRow {
  nodeName: string;
  nodePublicUrl: string | null;
  nodeStatus: string;
  /** The version of the protocol that the node spoke at its last login. */
  nodeProtocol: number;
  executions: number;
  allEnded: boolean;
  linesDeclared: bigint;
  linesStored: bigint;
  /** How many secret values the node masked in the lines. */
  masked: bigint;
}

/** Columns of {@link AttemptRow} from `attempt a`, `attempt_sync s` and {@link LAST_EXECUTION}. */
export const ATTEMPT_COLUMNS = Prisma.sql`
  a.id, a.node_id AS "nodeId", a.revision, a.execution_count AS "executionCount", a.arrived_at AS "arrivedAt",
  a.metadata, s.state,
  s.needs_backfill AS "needsBackfill", s.requested_at AS "requestedAt", s.last_full_sync_at AS "lastFullSyncAt",
  s.retry_at AS "retryAt", s.paused, s.last_error AS "lastError", s.unavailable_reason AS "unavailableReason",
  CASE WHEN EXISTS (SELECT FROM execution e WHERE e.attempt_id = a.id AND e.status = 'running' AND NOT e.gone_from_node)
       THEN 'running' ELSE last_execution.status END AS status,
  last_execution.exit_code AS "exitCode", last_execution.command`;

/** To be joined to `attempt a`. */
export const LAST_EXECUTION = Prisma.sql`
  LEFT JOIN LATERAL (
    SELECT e.status, e.exit_code, e.command FROM execution e
    WHERE e.attempt_id = a.id AND NOT e.gone_from_node ORDER BY e.ordinal DESC LIMIT 1
  ) last_execution ON true`;

/** @returns undefined if the organisation has no such attempt */
export async function findAttempt(scope: OrganizationScope, attemptId: string): Promise<AttemptDetailRow | undefined> {
  const [attempt] = await scope.query<AttemptDetailRow>(Prisma.sql`
    SELECT ${ATTEMPT_COLUMNS}, n.name AS "nodeName", n.public_url AS "nodePublicUrl", ${NODE_STATUS} AS "nodeStatus",
           n.protocol_version AS "nodeProtocol", counted.*
    FROM attempt a
    JOIN attempt_sync s ON s.attempt_id = a.id
    JOIN node n ON n.id = a.node_id
    LEFT JOIN node_lease l ON l.node_id = n.id
    ${LAST_EXECUTION}
    CROSS JOIN LATERAL (
      SELECT count(*)::int AS executions,
             coalesce(bool_and(e.status <> 'running'), true) AS "allEnded",
             coalesce(sum(e.declared_lines), 0) AS "linesDeclared",
             coalesce(sum(${STORED_LINES}), 0) AS "linesStored", coalesce(sum(e.masked), 0) AS masked
      FROM execution e WHERE e.attempt_id = a.id AND NOT e.gone_from_node
    ) counted
    WHERE a.id = ${attemptId}::uuid AND a.organization_id = ${scope.organizationId}::uuid`);
  return attempt;
}

export interface AttemptSyncState {
  nodeId: string;
  state: SyncState;
  needsBackfill: boolean;
}

/**
 * The least that tells whether a backfill has ended; cheap enough to be asked again and again.
 * @returns undefined if the organisation has no such attempt
 */
export async function findAttemptState(
  scope: OrganizationScope,
  attemptId: string,
): Promise<AttemptSyncState | undefined> {
  const [state] = await scope.query<AttemptSyncState>(Prisma.sql`
    SELECT a.node_id AS "nodeId", s.state, s.needs_backfill AS "needsBackfill"
    FROM attempt a JOIN attempt_sync s ON s.attempt_id = a.id
    WHERE a.id = ${attemptId}::uuid AND a.organization_id = ${scope.organizationId}::uuid`);
  return state;
}

export interface MissingLines {
  executionId: string;
  firstSeq: number;
  /** Null if it is unknown how many lines there are. */
  lastSeq: number | null;
  reason: string;
}

/**
 * Which declared lines the hive does not have, and after which line more may be missing that the node has not declared:
 * one range for an execution, at most `limit` of them.
 */
export async function listMissingLines(
  scope: OrganizationScope,
  attemptId: string,
  limit: number,
): Promise<MissingLines[]> {
  return scope.query(Prisma.sql`
    SELECT e.id AS "executionId", ${STORED_LINES} + 1 AS "firstSeq",
           CASE WHEN ${STORED_LINES} < e.declared_lines THEN e.declared_lines END AS "lastSeq",
           CASE WHEN s.state = 'unavailable' THEN concat_ws(': ', 'will_not_come', s.unavailable_reason)
                WHEN e.set_aside_reason IS NOT NULL THEN e.set_aside_reason
                WHEN e.stored_epoch <> e.log_epoch THEN 'replaced'
                WHEN e.has_gap THEN 'gap'
                ELSE 'not_stored_yet' END AS reason
    FROM execution e JOIN attempt a ON a.id = e.attempt_id JOIN attempt_sync s ON s.attempt_id = a.id
    WHERE e.attempt_id = ${attemptId}::uuid AND a.organization_id = ${scope.organizationId}::uuid
      AND (${STORED_LINES} < e.declared_lines OR (e.has_gap AND s.needs_backfill)) AND NOT e.gone_from_node
    ORDER BY e.ordinal LIMIT ${limit}`);
}
