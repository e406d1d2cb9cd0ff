/** Small changes to an execution that a session causes; after each, the attempt's state is computed again. */
import type { Queryable } from '../database.js';
import { isCurrentSession, SupersededError, type SessionFence } from '../session.js';

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

/**
 * Sets an execution aside: its remaining lines can't be stored, and its siblings go on.
 * @throws SupersededError
 */
export async function setAside(
  db: Queryable,
  session: SessionFence,
  executionId: string,
  reason: string,
): Promise<void> {
  const changed = await db.$executeRaw`
    UPDATE execution SET set_aside_reason = ${reason}
    WHERE id = ${executionId}::uuid AND node_id = ${session.nodeId}::uuid AND ${isCurrentSession(session)}`;
  if (changed === 0) throw new SupersededError(session.nodeId);
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
