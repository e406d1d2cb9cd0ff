import type { Database, Queryable } from '../../prisma/database.js';
import { findClaimedLog, type ClaimedLog } from '../../prisma/queries/examine-log.js';
import {
  correctPages,
  deleteKeptPages,
  deleteOrphanPages,
  lockLog,
  setCounters,
  truncateLog,
} from '../../prisma/queries/repair-log.js';
import { examineLog, type Examination } from './examine-log.js';

/** Why a damaged log stays as it is: no node can send its lines again. */
export type Unhealable = 'attempt_unavailable' | 'execution_gone_from_node';

/** @returns undefined if a backfill can bring the lines back, as far as the hive knows */
export function whyUnhealable({ attemptState, isGoneFromNode }: ClaimedLog): Unhealable | undefined {
  if (isGoneFromNode) return 'execution_gone_from_node';
  return attemptState === 'unavailable' ? 'attempt_unavailable' : undefined;
}

const TRANSACTION = { answerMs: 120_000 };

/**
 * Repairs what an examination found: moves the mark back to the last sound line, corrects counts, removes pages of
 * other epochs. First checks again under the locks.
 * @returns false if the log has changed since it was examined
 */
export function repairLog(db: Database, found: Examination): Promise<boolean> {
  const { attemptId, executionId, storedEpoch: epoch } = found.log;
  return db.$transaction(async (tx) => {
    await lockLog(tx, attemptId, executionId);
    const log = await findClaimedLog(tx, executionId);
    if (log?.storedEpoch !== epoch || log.storedLines !== found.log.storedLines) return false;
    if (!(await isStillThere(tx, found, log))) return false;
    if (found.broken && whyUnhealable(log) !== undefined) return false;
    if (found.corrections.length > 0) await correctPages(tx, executionId, epoch, found.corrections);
    if (log.orphanPages > 0) await deleteOrphanPages(tx, executionId);
    if (found.broken) {
      const { pageFirstSeq } = found.broken;
      await truncateLog(tx, {
        attemptId,
        executionId,
        epoch,
        storedLines: found.soundLines,
        lineCounts: found.lineCounts,
        ...(pageFirstSeq !== undefined && { unsoundFrom: pageFirstSeq }),
      });
    } else if (found.isMiscounted) await setCounters(tx, { executionId, lineCounts: found.lineCounts });
    return true;
  }, TRANSACTION);
}

/** @returns whether the log is still broken at the same place; examines it from the last sound page on */
async function isStillThere(tx: Queryable, found: Examination, log: ClaimedLog): Promise<boolean> {
  if (!found.broken) return true;
  const { soundLines, lineCounts, lastPageFirstSeq } = found;
  const { broken, pages } = await examineLog(tx, log, { soundLines, lineCounts, lastPageFirstSeq });
  return pages === 0 && broken?.code === found.broken.code && broken.pageFirstSeq === found.broken.pageFirstSeq;
}

/** Removes the pages that an earlier repair kept. Call it once the log is whole again. */
export function forgetKeptPages(db: Database, { attemptId, executionId }: ClaimedLog): Promise<void> {
  return db.$transaction(async (tx) => {
    await lockLog(tx, attemptId, executionId);
    await deleteKeptPages(tx, executionId);
  }, TRANSACTION);
}

export function isWhole({ status, logEpoch, storedEpoch, declaredLines, storedLines }: ClaimedLog): boolean {
  return status !== 'running' && logEpoch === storedEpoch && declaredLines === storedLines;
}
