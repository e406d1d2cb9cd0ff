/** What the repair of a stored log writes, always with the attempt and the execution locked. */
import type { OutputType } from '../../protocol/page.js';
import type { Queryable } from '../database.js';
import { IS_WHOLE } from './stored-lines.js';
import { computeSync, lockAttempts, type ComputedSync } from './attempt-state.js';

/** Locks the rows that storing pages and computing states lock, in the same order. */
export async function lockLog(tx: Queryable, attemptId: string, executionId: string): Promise<void> {
  await lockAttempts(tx, [attemptId]);
  await tx.$queryRaw`SELECT 1 FROM execution WHERE id = ${executionId}::uuid FOR NO KEY UPDATE`;
}

export type LineCounts = Record<OutputType, number>;

/** The part of a log that counts from now on. */
export interface SoundPart {
  attemptId: string;
  executionId: string;
  epoch: number;
  /** Lines 1..storedLines are sound. */
  storedLines: number;
  lineCounts: LineCounts;
  /** Pages from this line on no longer count. */
  unsoundFrom?: number;
}

/**
 * Moves the execution's mark back to its last sound line and computes the attempt's state again, so that a backfill
 * brings the rest. The pages after the mark are kept, under an epoch that no reader asks for (-1 - epoch), because the
 * node may no longer have their lines.
 * @returns the attempt's state; undefined if the attempt is gone
 */
export async function truncateLog(tx: Queryable, sound: SoundPart): Promise<ComputedSync | undefined> {
  const { attemptId, executionId, epoch, unsoundFrom } = sound;
  if (unsoundFrom !== undefined) {
    await tx.$executeRaw`
      DELETE FROM log_page
      WHERE execution_id = ${executionId}::uuid AND log_epoch = ${-1 - epoch} AND first_seq >= ${unsoundFrom}`;
    await tx.$executeRaw`
      UPDATE log_page SET log_epoch = ${-1 - epoch}
      WHERE execution_id = ${executionId}::uuid AND log_epoch = ${epoch} AND first_seq >= ${unsoundFrom}`;
  }
  await setCounters(tx, sound);
  await tx.$executeRaw`
    UPDATE execution SET stored_lines = ${sound.storedLines}, compacted_epoch = NULL, set_aside_reason = NULL, failed_reads = 0,
      has_gap = has_gap OR status = 'running'
    WHERE id = ${executionId}::uuid`;
  await tx.$executeRaw`
    UPDATE attempt_sync SET retry_at = NULL, idle_backfills = 0 WHERE attempt_id = ${attemptId}::uuid`;
  return (await computeSync(tx, [attemptId]))[0];
}

export async function setCounters(
  tx: Queryable,
  { executionId, lineCounts }: Pick<SoundPart, 'executionId' | 'lineCounts'>,
): Promise<void> {
  await tx.$executeRaw`
    UPDATE execution SET stdout_lines = ${lineCounts.stdout}, stderr_lines = ${lineCounts.stderr},
      system_lines = ${lineCounts.system}
    WHERE id = ${executionId}::uuid`;
}

/** The right counts for a sound page. */
export interface PageCorrection {
  firstSeq: number;
  lineCounts: LineCounts;
  rawBytes: number;
}

export async function correctPages(
  tx: Queryable,
  executionId: string,
  epoch: number,
  corrections: PageCorrection[],
): Promise<void> {
  const column = (pick: (correction: PageCorrection) => number) => corrections.map(pick);
  await tx.$executeRaw`
    UPDATE log_page p SET stdout_lines = c.stdout, stderr_lines = c.stderr, system_lines = c.system, raw_bytes = c.raw
    FROM unnest(${column((c) => c.firstSeq)}::int[], ${column((c) => c.lineCounts.stdout)}::int[],
                ${column((c) => c.lineCounts.stderr)}::int[], ${column((c) => c.lineCounts.system)}::int[],
                ${column((c) => c.rawBytes)}::int[]) AS c (first_seq, stdout, stderr, system, raw)
    WHERE p.execution_id = ${executionId}::uuid AND p.log_epoch = ${epoch} AND p.first_seq = c.first_seq`;
}

/** Deletes pages of other epochs than the stored one. */
export async function deleteOrphanPages(tx: Queryable, executionId: string): Promise<void> {
  await tx.$executeRaw`
    DELETE FROM log_page p USING execution e
    WHERE e.id = ${executionId}::uuid AND p.execution_id = e.id AND p.log_epoch >= 0 AND p.log_epoch <> e.stored_epoch`;
}

/** Deletes the pages that {@link truncateLog} kept, if all of the execution's lines are stored again. */
export async function deleteKeptPages(tx: Queryable, executionId: string): Promise<void> {
  await tx.$executeRaw`
    DELETE FROM log_page p USING execution e
    WHERE e.id = ${executionId}::uuid AND p.execution_id = e.id AND p.log_epoch < 0
      AND ${IS_WHOLE} AND e.status <> 'running'`;
}
