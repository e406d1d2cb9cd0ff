import { Prisma } from '../database.js';
import type { OrganizationScope } from '../organization-scope.js';

/** Rows that one statement deletes: a large node goes in small steps, so that no other writer has to wait. */
const PAGES_A_STEP = 1000;
const ATTEMPTS_A_STEP = 100;

/**
 * Removes a node with everything that was mirrored from it. Its keys are revoked first, so that it can't come back
 * meanwhile.
 * @returns false if the organisation has no such node
 */
export async function deleteNode(scope: OrganizationScope, nodeId: string): Promise<boolean> {
  const node = await scope.models.node.findUnique({ where: { id: nodeId }, select: { id: true } });
  if (!node) return false;
  await scope.models.nodeApiKey.updateMany({ where: { nodeId, revokedAt: null }, data: { revokedAt: new Date() } });
  for (const step of [deletePages, deleteAttempts]) {
    while ((await scope.execute(step(scope.organizationId, nodeId))) > 0);
  }
  const { count } = await scope.models.node.deleteMany({ where: { id: nodeId } });
  return count > 0;
}

function deletePages(organizationId: string, nodeId: string): Prisma.Sql {
  return Prisma.sql`
    DELETE FROM log_page WHERE (execution_id, log_epoch, first_seq) IN (
      SELECT p.execution_id, p.log_epoch, p.first_seq
      FROM attempt a JOIN execution e ON e.attempt_id = a.id JOIN log_page p ON p.execution_id = e.id
      WHERE a.node_id = ${nodeId}::uuid AND a.organization_id = ${organizationId}::uuid
      LIMIT ${PAGES_A_STEP})`;
}

function deleteAttempts(organizationId: string, nodeId: string): Prisma.Sql {
  return Prisma.sql`
    DELETE FROM attempt WHERE id IN (
      SELECT id FROM attempt
      WHERE node_id = ${nodeId}::uuid AND organization_id = ${organizationId}::uuid
      LIMIT ${ATTEMPTS_A_STEP})`;
}
