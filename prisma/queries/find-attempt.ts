import { Prisma } from '../database.js';
import type { SyncState } from '../generated/client.js';
import type { OrganizationScope } from '../organization-scope.js';
import type { AttemptSync, ExecutionStatus } from '../../protocol/frames.js';
import { SHOWN_EXECUTION } from './attempt-executions.js';
import { NODE_SINCE, NODE_STATUS } from './list-nodes.js';
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
  /** `running` if any of its executions runs, otherwise how the last one ended; null if there is none. */
  status: ExecutionStatus | null;
  /** Of the execution that ended last. */
  exitCode: number | null;
  command: string | null;
  /** By the node's clock; of the execution that ended last. */
  endedAt: Date | null;
  linesDeclared: bigint;
  linesStored: bigint;
  /** Its place in the feed; null if the hive has not given its change a position yet. */
  position: bigint | null;
  changedAt: Date | null;
}

/** An attempt with its node, and counts over its executions. */
export interface AttemptDetailRow extends AttemptRow {
  nodeName: string;
  nodePublicUrl: string | null;
  nodeStatus: string;
  /** Since when the node is connected, or no longer is. */
  nodeSince: Date | null;
  /** The version of the protocol that the node spoke at its last login. */
  nodeProtocol: number;
  executions: number;
  allEnded: boolean;
  /** How many secret values the node masked in the lines. */
  masked: bigint;
}

/** Columns of {@link AttemptRow} from {@link ATTEMPT_TABLES}. */
export const ATTEMPT_COLUMNS = Prisma.sql`
  a.id, a.node_id AS "nodeId", a.revision, a.execution_count AS "executionCount", a.arrived_at AS "arrivedAt",
  a.metadata, s.state,
  s.needs_backfill AS "needsBackfill", s.requested_at AS "requestedAt", s.last_full_sync_at AS "lastFullSyncAt",
  s.retry_at AS "retryAt", s.paused, s.last_error AS "lastError", s.unavailable_reason AS "unavailableReason",
  shown.status, shown.exit_code AS "exitCode", shown.command, shown.ended_at AS "endedAt",
  COALESCE(shown.lines_declared, 0) AS "linesDeclared", COALESCE(shown.lines_stored, 0) AS "linesStored",
  c.position, c.changed_at AS "changedAt"`;

/**
 * An attempt (`a`), its sync state (`s`) and its place in the feed (`c`): what attemptConditions filters. Each attempt
 * has a sync state; of an outer join PostgreSQL leaves out what no condition needs, which a page far down saves much by.
 */
export const FILTERED_TABLES = Prisma.sql`
  attempt a LEFT JOIN attempt_sync s ON s.attempt_id = a.id
  LEFT JOIN attempt_change c ON c.attempt_id = a.id AND c.arrival = a.arrival`;

/** {@link FILTERED_TABLES}, and what the attempt shows of its executions (`shown`). */
export const ATTEMPT_TABLES = Prisma.sql`${FILTERED_TABLES} ${SHOWN_EXECUTION}`;

/** @returns undefined if the organisation has no such attempt */
export async function findAttempt(scope: OrganizationScope, attemptId: string): Promise<AttemptDetailRow | undefined> {
  const [attempt] = await scope.query<AttemptDetailRow>(Prisma.sql`
    SELECT ${ATTEMPT_COLUMNS}, n.name AS "nodeName", n.public_url AS "nodePublicUrl", ${NODE_STATUS} AS "nodeStatus",
           ${NODE_SINCE} AS "nodeSince", n.protocol_version AS "nodeProtocol", counted.*
    FROM ${ATTEMPT_TABLES}
    JOIN node n ON n.id = a.node_id
    LEFT JOIN node_lease l ON l.node_id = n.id
    CROSS JOIN LATERAL (
      SELECT count(*)::int AS executions,
             coalesce(bool_and(e.status <> 'running'), true) AS "allEnded",
             coalesce(sum(e.masked), 0) AS masked
      FROM execution e WHERE e.attempt_id = a.id AND NOT e.gone_from_node
    ) counted
    WHERE a.id = ${attemptId}::uuid AND a.organization_id = ${scope.organizationId}::uuid`);
  return attempt;
}

export interface AttemptSyncState {
  nodeId: string;
  state: SyncState;
  needsBackfill: boolean;
  /** When its newest backfill was requested, as text: each one has a time of its own. */
  requestedAt: string | null;
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
    SELECT a.node_id AS "nodeId", s.state, s.needs_backfill AS "needsBackfill", s.requested_at::text AS "requestedAt"
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
