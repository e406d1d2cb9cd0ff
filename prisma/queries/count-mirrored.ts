import { Prisma } from '../database.js';
import type { OrganizationScope } from '../organization-scope.js';

export interface Mirrored {
  attempts: number;
  executions: number;
  /** Stored lines of any epoch. */
  lines: number;
}

/**
 * Counts what deleting the node would remove, also what is no longer on the node itself.
 * @returns undefined if the organisation has no such node
 */
export async function countMirrored(scope: OrganizationScope, nodeId: string): Promise<Mirrored | undefined> {
  const [counted] = await scope.query<Mirrored>(Prisma.sql`
    SELECT count(DISTINCT a.id)::int AS attempts, count(e.id)::int AS executions,
           COALESCE(sum(e.stored_lines), 0)::float8 AS lines
    FROM node n
    LEFT JOIN attempt a ON a.node_id = n.id
    LEFT JOIN execution e ON e.attempt_id = a.id
    WHERE n.id = ${nodeId}::uuid AND n.organization_id = ${scope.organizationId}::uuid
    GROUP BY n.id`);
  return counted;
}
