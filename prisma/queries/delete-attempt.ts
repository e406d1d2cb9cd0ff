/**
 * Deleting an attempt: one short transaction after which nobody sees it and nobody brings it back, and many small steps
 * that remove its pages. Whoever dies in between leaves them to the schedule.
 */
import type { Database, Queryable } from '../database.js';
import type { OrganizationScope } from '../organization-scope.js';

/** What no node has as its id: nothing that a session sends reaches an execution of a deleted attempt. */
const NO_NODE = '00000000-0000-0000-0000-000000000000';
/** Pages, and executions without pages, that one statement removes: no other writer waits for long. */
const PAGES_A_STEP = 500;
const EXECUTIONS_A_STEP = 500;

export interface DeletedAttempt {
  /** False if it had been deleted before. */
  isNew: boolean;
  nodeId: string;
}

/**
 * Deletes the attempt for everybody, and for good. Its description goes in the same transaction, its pages in
 * {@link removeDeleted}.
 * @param deletedBy the admin's credential; null if it is deleted on the hive's machine
 * @returns undefined if the organisation has and had no such attempt
 */
export function deleteAttempt(
  db: Database,
  { organizationId }: Pick<OrganizationScope, 'organizationId'>,
  attemptId: string,
  deletedBy: string | null,
): Promise<DeletedAttempt | undefined> {
  return db.$transaction(async (tx) => {
    // in the order in which others lock them: the attempt, its state, its executions
    const [attempt] = await tx.$queryRaw<{ nodeId: string; machineId: string }[]>`
      SELECT a.node_id AS "nodeId", n.machine_id AS "machineId" FROM attempt a JOIN node n ON n.id = a.node_id
      WHERE a.id = ${attemptId}::uuid AND a.organization_id = ${organizationId}::uuid FOR UPDATE OF a`;
    if (!attempt) return findTombstone(tx, organizationId, attemptId);
    const { nodeId, machineId } = attempt;
    await tx.$queryRaw`SELECT FROM attempt_sync WHERE attempt_id = ${attemptId}::uuid FOR UPDATE`;
    await tx.$executeRaw`
      INSERT INTO deleted_attempt (attempt_id, organization_id, node_id, machine_id, deleted_by)
      VALUES (${attemptId}::uuid, ${organizationId}::uuid, ${nodeId}::uuid, ${machineId}, ${deletedBy}::uuid)
      ON CONFLICT (attempt_id) DO UPDATE SET deleted_at = now(), forgotten_at = NULL`;
    await tx.$executeRaw`
      UPDATE execution SET attempt_id = NULL, node_id = ${NO_NODE}::uuid, command = NULL, metadata = '{}'
      WHERE attempt_id = ${attemptId}::uuid`;
    await tx.$executeRaw`DELETE FROM attempt_look WHERE attempt_id = ${attemptId}::uuid`;
    await tx.$executeRaw`DELETE FROM attempt WHERE id = ${attemptId}::uuid`;
    return { isNew: true, nodeId };
  });
}

async function findTombstone(
  tx: Queryable,
  organizationId: string,
  attemptId: string,
): Promise<DeletedAttempt | undefined> {
  const [tombstone] = await tx.$queryRaw<{ nodeId: string }[]>`
    SELECT node_id AS "nodeId" FROM deleted_attempt
    WHERE attempt_id = ${attemptId}::uuid AND organization_id = ${organizationId}::uuid`;
  return tombstone && { isNew: false, ...tombstone };
}

/**
 * Removes what deleted attempts have left. Several processes may do it at once.
 * @param isOver asked before each step: whether to leave the rest to the next call
 * @returns how many pages were removed
 */
export async function removeDeleted(db: Queryable, isOver: () => boolean): Promise<number> {
  let pages = 0;
  while (!isOver()) {
    const removed = await db.$executeRaw`
      DELETE FROM log_page WHERE (execution_id, log_epoch, first_seq) IN (
        SELECT p.execution_id, p.log_epoch, p.first_seq
        FROM execution e JOIN log_page p ON p.execution_id = e.id
        WHERE e.attempt_id IS NULL LIMIT ${PAGES_A_STEP} FOR UPDATE OF p SKIP LOCKED)`;
    pages += removed;
    if (removed > 0) continue;
    const executions = await db.$executeRaw`
      DELETE FROM execution WHERE id IN (
        SELECT e.id FROM execution e
        WHERE e.attempt_id IS NULL AND NOT EXISTS (SELECT FROM log_page p WHERE p.execution_id = e.id)
        LIMIT ${EXECUTIONS_A_STEP} FOR UPDATE SKIP LOCKED)`;
    if (executions === 0) break; // none is left, or another process is at them
  }
  return pages;
}
