/** Small changes to an execution that a session causes; after each, the attempt's state is computed again. */
import { Prisma, type Queryable } from '../database.js';
import { isCurrentSession, SupersededError, type SessionFence } from '../session.js';
import { STORED_LINES } from './stored-lines.js';

/** Notes whether a running execution's live pages left a gap that pushing can't close. A backfill closes it. */
export async function markGap(
  db: Queryable,
  session: SessionFence,
  executionId: string,
  hasGap: boolean,
): Promise<void> {
  await db.$executeRaw`
    UPDATE execution SET has_gap = ${hasGap}
    WHERE id = ${executionId}::uuid AND node_id = ${session.nodeId}::uuid AND ${isCurrentSession(session)}`;
}

/** A reading of an execution that was damaged or failed. */
export interface FailedRead {
  executionId: string;
  reason: string;
  /** The number of readings in a row after which the execution is set aside. */
  tries: number;
}

/**
 * Counts a failed reading. If it is the last of too many in a row after the same line, the execution is set aside: its
 * remaining lines can't be stored, and its siblings go on.
 * @returns whether it is set aside
 * @throws SupersededError
 */
export async function countFailedRead(
  db: Queryable,
  session: SessionFence,
  { executionId, reason, tries }: FailedRead,
): Promise<boolean> {
  const count = Prisma.sql`CASE WHEN e.failed_read_line = ${STORED_LINES} THEN e.failed_reads ELSE 0 END + 1`;
  const [row] = await db.$queryRaw<{ isSetAside: boolean }[]>`
    UPDATE execution e SET failed_reads = ${count}, failed_read_line = ${STORED_LINES},
      set_aside_reason = CASE WHEN ${count} >= ${tries}::int THEN ${reason}::text ELSE e.set_aside_reason END
    WHERE e.id = ${executionId}::uuid AND e.node_id = ${session.nodeId}::uuid AND ${isCurrentSession(session)}
    RETURNING e.set_aside_reason IS NOT NULL AS "isSetAside"`;
  if (!row) throw new SupersededError(session.nodeId);
  return row.isSetAside;
}

/**
 * Removes the old epoch's pages of an ended execution whose new epoch has no lines, because no page will replace them.
 */
export async function adoptEmptyEpoch(db: Queryable, session: SessionFence, executionId: string): Promise<void> {
  await db.$executeRaw`
    WITH emptied AS (
      UPDATE execution SET stored_epoch = log_epoch, stored_lines = 0, stdout_lines = 0, stderr_lines = 0, system_lines = 0,
        replaced_at = now()
      WHERE id = ${executionId}::uuid AND node_id = ${session.nodeId}::uuid AND declared_lines = 0
        AND stored_epoch <> log_epoch AND status <> 'running' AND ${isCurrentSession(session)}
      RETURNING id
    )
    DELETE FROM log_page USING emptied WHERE log_page.execution_id = emptied.id`;
}
