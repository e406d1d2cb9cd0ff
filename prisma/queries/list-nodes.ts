import { Prisma } from '../database.js';
import type { OrganizationScope } from '../organization-scope.js';

export interface NodeRow {
  id: string;
  organizationId: string;
  name: string;
  machineId: string;
  protocolVersion: number;
  /** What the node last said, or `offline` if no hive has its socket by the database's clock. */
  status: string;
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

const NODES = Prisma.sql`
  SELECT n.id, n.organization_id AS "organizationId", n.name, n.machine_id AS "machineId",
         n.protocol_version AS "protocolVersion", ${NODE_STATUS} AS status, n.capabilities, n.public_url AS "publicUrl",
         n.last_heartbeat_at AS "lastHeartbeatAt", n.connected_at AS "connectedAt", n.disconnected_at AS "disconnectedAt",
         n.created_at AS "createdAt", n.updated_at AS "updatedAt"
  FROM node n LEFT JOIN node_lease l ON l.node_id = n.id`;

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
