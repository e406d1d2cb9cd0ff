import { Prisma } from '../database.js';
import type { OrganizationScope } from '../organization-scope.js';
import { STORED_LINES } from './stored-lines.js';

/** Of a node's attempts, those that the hive does not have in full. */
export interface IncompleteAttempts {
  partial: number;
  pendingBackfill: number;
  unavailable: number;
  /** How many of the partial and pending ones run. */
  running: number;
  /** Lines of the partial and pending ones that the node has declared and the hive has not stored. */
  linesMissing: number;
}

export interface NodeRow extends IncompleteAttempts {
  id: string;
  organizationId: string;
  name: string;
  machineId: string;
  protocolVersion: number;
  /** What the node last said, or `offline` if no hive has its socket by the database's clock. */
  status: string;
  /** Since when it is connected, or is not; null if it has never been. */
  statusSince: Date | null;
  capabilities: unknown;
  publicUrl: string | null;
  lastHeartbeatAt: Date | null;
  connectedAt: Date | null;
  disconnectedAt: Date | null;
  createdAt: Date;
  updatedAt: Date;
}

/** {@link NodeRow.status} of a row `n` of node with its row `l` of node_lease. */
export const NODE_STATUS = Prisma.sql`CASE WHEN l.expires_at > now() THEN n.status ELSE 'offline' END`;

/** Since when such a node is connected, or no longer is; null if it never was. */
export const NODE_SINCE = Prisma.sql`
  CASE WHEN l.expires_at > now() THEN n.connected_at
       ELSE COALESCE(l.expires_at, n.disconnected_at, n.last_heartbeat_at) END`;

const NODES = Prisma.sql`
  SELECT n.id, n.organization_id AS "organizationId", n.name, n.machine_id AS "machineId",
         n.protocol_version AS "protocolVersion", ${NODE_STATUS} AS status,
         CASE WHEN l.expires_at > now() THEN n.connected_at ELSE COALESCE(l.expires_at, n.disconnected_at) END AS "statusSince",
         n.capabilities, n.public_url AS "publicUrl",
         n.last_heartbeat_at AS "lastHeartbeatAt", n.connected_at AS "connectedAt", n.disconnected_at AS "disconnectedAt",
         n.created_at AS "createdAt", n.updated_at AS "updatedAt", incomplete.*
  FROM node n
  LEFT JOIN node_lease l ON l.node_id = n.id
  CROSS JOIN LATERAL (
    SELECT (count(*) FILTER (WHERE s.state = 'partial'))::int AS partial,
           (count(*) FILTER (WHERE s.state = 'pending_backfill'))::int AS "pendingBackfill",
           (count(*) FILTER (WHERE s.state = 'unavailable'))::int AS unavailable,
           (count(*) FILTER (WHERE s.state <> 'unavailable' AND lines.running))::int AS running,
           COALESCE(sum(lines.missing) FILTER (WHERE s.state <> 'unavailable'), 0)::float8 AS "linesMissing"
    FROM attempt_sync s
    CROSS JOIN LATERAL (
      SELECT COALESCE(bool_or(e.status = 'running'), false) AS running,
             sum(GREATEST(e.declared_lines - ${STORED_LINES}, 0)) AS missing
      FROM execution e WHERE e.attempt_id = s.attempt_id AND NOT e.gone_from_node
    ) lines
    -- word for word the condition of attempt_sync_incomplete_idx
    WHERE s.node_id = n.id AND s.state <> 'complete'
  ) incomplete`;

/** By name. */
export async function listNodes(scope: OrganizationScope): Promise<NodeRow[]> {
  return scope.query(
    Prisma.sql`${NODES} WHERE n.organization_id = ${scope.organizationId}::uuid ORDER BY n.name, n.id`,
  );
}

/** @returns undefined if the organisation has no such node */
export async function findNode(scope: OrganizationScope, id: string): Promise<NodeRow | undefined> {
  const [node] = await scope.query<NodeRow>(
    Prisma.sql`${NODES} WHERE n.organization_id = ${scope.organizationId}::uuid AND n.id = ${id}::uuid`,
  );
  return node;
}
