/** Small changes to an execution's standing that a session causes; each is followed by computing the attempt's state. */
import type { Queryable } from '../database.js';
import { SupersededError, type SessionFence } from '../session.js';

/** A running execution's live pages left a gap that pushing can't close (or, false: a backfill has closed it). */
export async function markGap(
  db: Queryable,
  session: SessionFence,
  executionId: string,
  hasGap: boolean,
): Promise<void> {
  await db.$executeRaw`
    UPDATE execution SET has_gap = ${hasGap} WHERE id = ${executionId}::uuid AND node_id = ${session.nodeId}::uuid
      AND EXISTS (SELECT FROM node_lease WHERE node_id = ${session.nodeId}::uuid AND fence = ${session.fence})`;
}

/**
 * The execution's remaining lines can't be stored; its siblings go on.
 * @throws SupersededError
 */
export async function setAside(
  db: Queryable,
  session: SessionFence,
  executionId: string,
  reason: string,
): Promise<void> {
  const changed = await db.$executeRaw`
    UPDATE execution SET set_aside_reason = ${reason} WHERE id = ${executionId}::uuid AND node_id = ${session.nodeId}::uuid
      AND EXISTS (SELECT FROM node_lease WHERE node_id = ${session.nodeId}::uuid AND fence = ${session.fence})`;
  if (changed === 0) throw new SupersededError(session.nodeId);
}

/** An execution whose new epoch has no lines: no page will come to replace the old epoch's, so they go now. */
export async function adoptEmptyEpoch(db: Queryable, session: SessionFence, executionId: string): Promise<void> {
  await db.$executeRaw`
    WITH emptied AS (
      UPDATE execution SET stored_epoch = log_epoch, stored_lines = 0, stdout_lines = 0, stderr_lines = 0, system_lines = 0,
        replaced_at = now()
      WHERE id = ${executionId}::uuid AND node_id = ${session.nodeId}::uuid AND declared_lines = 0
        AND stored_epoch <> log_epoch AND status <> 'running'
        AND EXISTS (SELECT FROM node_lease WHERE node_id = ${session.nodeId}::uuid AND fence = ${session.fence})
      RETURNING id
    )
    DELETE FROM log_page USING emptied WHERE log_page.execution_id = emptied.id`;
}
