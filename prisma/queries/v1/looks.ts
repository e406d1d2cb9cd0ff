/**
 * Readers who want to know whether an attempt's executions have ended, of which a version 1 node says nothing unasked.
 * The reader may be at any hive, so what it wants is in the database, where the hive that has the node's socket finds it.
 */
import { Prisma, type Queryable } from '../../database.js';
import type { OrganizationScope } from '../../organization-scope.js';

/** An hour after its look, a row has nothing to tell any more. */
const KEPT_SECONDS = 3600;

/**
 * Wants the node to be asked about an attempt, unless that is wanted already or was done within `freshSeconds`. Writes
 * nothing then.
 */
export async function wantLook(scope: OrganizationScope, attemptId: string, freshSeconds: number): Promise<void> {
  await scope.execute(Prisma.sql`
    INSERT INTO attempt_look (attempt_id, node_id, wanted_at)
    SELECT a.id, a.node_id, now() FROM attempt a
    WHERE a.id = ${attemptId}::uuid AND a.organization_id = ${scope.organizationId}::uuid
      AND NOT EXISTS (SELECT FROM attempt_look l WHERE l.attempt_id = a.id
                        AND (l.looked_at IS NULL OR l.looked_at > now() - make_interval(secs => ${freshSeconds})))
    ON CONFLICT (attempt_id) DO UPDATE SET wanted_at = excluded.wanted_at, looked_at = NULL
    WHERE attempt_look.looked_at IS NOT NULL`);
}

/** @returns whether a reader wants the node to be asked about the attempt, and it has not answered yet */
export async function isLookWanted(scope: OrganizationScope, attemptId: string): Promise<boolean> {
  const rows = await scope.query(Prisma.sql`
    SELECT 1 FROM attempt_look l JOIN attempt a ON a.id = l.attempt_id
    WHERE l.attempt_id = ${attemptId}::uuid AND l.looked_at IS NULL AND a.organization_id = ${scope.organizationId}::uuid`);
  return rows.length > 0;
}

export interface WantedLook {
  nodeId: string;
  attemptId: string;
}

/** What readers want to know of attempts of these nodes, the oldest wishes first. */
export function listWantedLooks(db: Queryable, nodeIds: string[], limit: number): Promise<WantedLook[]> {
  return db.$queryRaw`
    SELECT node_id AS "nodeId", attempt_id AS "attemptId" FROM attempt_look
    WHERE node_id = ANY (${nodeIds}::uuid[]) AND looked_at IS NULL ORDER BY wanted_at LIMIT ${limit}`;
}

/** Notes that the node has been asked about the attempts, and that its answer is stored. Removes what is old. */
export async function noteLooks(db: Queryable, nodeId: string, attemptIds: string[]): Promise<void> {
  await db.$executeRaw`
    UPDATE attempt_look SET looked_at = now()
    WHERE node_id = ${nodeId}::uuid AND attempt_id = ANY (${attemptIds}::uuid[]) AND looked_at IS NULL`;
  await db.$executeRaw`
    DELETE FROM attempt_look
    WHERE node_id = ${nodeId}::uuid AND looked_at < now() - make_interval(secs => ${KEPT_SECONDS})`;
}
