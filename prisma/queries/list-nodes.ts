import { Prisma } from '../database.js';
import type { OrganizationScope } from '../organization-scope.js';

export interface NodeRow {
  id: string;
  organization_id: string;
  name: string;
  machine_id: string;
  protocol_version: number;
  /** `offline` unless a hive holds the node's socket by the database's clock. */
  status: string;
  capabilities: unknown;
  public_url: string | null;
  last_heartbeat_at: Date | null;
  connected_at: Date | null;
  disconnected_at: Date | null;
  created_at: Date;
  updated_at: Date;
}

/** What a node is now: its own word while its lease lives (tables `n` and `l`). */
export const NODE_STATUS = Prisma.sql`CASE WHEN l.expires_at > now() THEN n.status ELSE 'offline' END`;

const NODES = Prisma.sql`
  SELECT n.id, n.organization_id, n.name, n.machine_id, n.protocol_version, ${NODE_STATUS} AS status, n.capabilities,
         n.public_url, n.last_heartbeat_at, n.connected_at, n.disconnected_at, n.created_at, n.updated_at
  FROM node n LEFT JOIN node_lease l ON l.node_id = n.id`;

/** By name. */
export async function listNodes(scope: OrganizationScope): Promise<NodeRow[]> {
  return scope.query(
    Prisma.sql`${NODES} WHERE n.organization_id = ${scope.organizationId}::uuid ORDER BY n.name, n.id`,
  );
}

export async function findNode(scope: OrganizationScope, id: string): Promise<NodeRow | undefined> {
  const [node] = await scope.query<NodeRow>(
    Prisma.sql`${NODES} WHERE n.organization_id = ${scope.organizationId}::uuid AND n.id = ${id}::uuid`,
  );
  return node;
}
