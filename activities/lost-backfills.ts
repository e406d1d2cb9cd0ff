/** What the schedule does about backfills that have died without settling, or that do not end. */
import type { Logger } from 'pino';
import { CANCELLED_SECONDS, endBackfill } from '../backfills/end-backfill.js';
import { findRunning } from '../backfills/find.js';
import { countEnd } from '../backfills/metrics.js';
import type { TemporalDoor } from '../backfills/temporal-door.js';
import type { Database } from '../prisma/database.js';
import { listCancelledBackfills, type StaleBackfill } from '../prisma/queries/pending-backfills.js';
import { settleBackfill } from '../prisma/queries/settle-backfill.js';
import { sweep } from './sweep.js';

export interface LostBackfillsDeps {
  database: Database;
  temporal: TemporalDoor;
  logger: Logger;
  cancelledSeconds?: number;
  stuckTries?: number;
}

const CANCELLED_A_ROUND = 100;

/** Terminates backfills that were cancelled and have not ended. */
export async function endCancelledBackfills(deps: LostBackfillsDeps): Promise<void> {
  const { database, logger, cancelledSeconds = CANCELLED_SECONDS } = deps;
  const runs = await listCancelledBackfills(database, cancelledSeconds, CANCELLED_A_ROUND);
  const { failures } = await sweep(runs, async (run) => {
    await endBackfill(deps, run, 'cancelled', 'activity');
    return true;
  });
  for (const { item, error } of failures) {
    logger.warn({ err: error, attemptId: item.attemptId }, 'could not end a backfill that was cancelled');
  }
}

/**
 * Settles in the place of a backfill that no longer runs: an operator terminated it, its time was up, or Temporal has
 * lost it. One whose code the workers can't run is ended.
 * @returns whether the attempt is free now
 */
export async function endStaleBackfill(deps: LostBackfillsDeps, stale: StaleBackfill): Promise<boolean> {
  const { database, temporal, logger } = deps;
  const { attemptId, runId, claim } = stale;
  const running = await temporal.call('activity', (client) => findRunning(client, attemptId, deps.stuckTries));
  if (running?.isStuck) {
    await endBackfill(deps, { attemptId, runId: running.runId }, 'stuck', 'activity');
  } else if (running && (runId === null || running.runId === runId)) return false;
  const settled = await settleBackfill(database, {
    attemptId,
    runId,
    claim,
    ending: 'failed',
    reason: 'workflow_lost',
    progressed: true, // nothing is known against the attempt: the next one may start at once
  });
  countEnd(settled, 'workflow_lost');
  if (settled?.seconds == null) return false;
  logger.warn({ attemptId }, 'backfill without a running workflow was reset');
  return true;
}
