/** Ends a backfill from the outside if it does not end by itself: what was cancelled must end within a bound. */
import pTimeout from 'p-timeout';
import type { Logger } from 'pino';
import type { Database } from '../prisma/database.js';
import { findCancelledClaim, forgetCancelled } from '../prisma/queries/pending-backfills.js';
import { settleBackfill } from '../prisma/queries/settle-backfill.js';
import { findRunning, wasRunning } from './find.js';
import { countEnd } from './metrics.js';
import type { TemporalCaller, TemporalDoor } from './temporal-door.js';

/** A cancelled run that has not ended after this time is terminated. */
export const CANCELLED_SECONDS = 30;

export interface EndBackfillDeps {
  temporal: TemporalDoor;
  database: Database;
  logger: Logger;
}

/** A run, by the id of its first run. */
export interface BackfillRun {
  attemptId: string;
  runId: string;
}

/** Why a run is ended: someone cancelled it, or workers can't run its code. */
type EndReason = 'cancelled' | 'stuck';

/**
 * Makes sure that a run no longer runs: terminates it if it still does, and settles in its place.
 * @throws TemporalUnavailableError
 */
export async function endBackfill(
  { temporal, database, logger }: EndBackfillDeps,
  { attemptId, runId }: BackfillRun,
  reason: EndReason,
  caller: TemporalCaller,
): Promise<void> {
  const isTerminated = await temporal.call(caller, async (client) => {
    if ((await findRunning(client, attemptId))?.runId !== runId) return false;
    const options = { firstExecutionRunId: runId }; // never a newer one
    const handle = client.workflow.getHandle(client.names.backfillId(attemptId), undefined, options);
    const why = reason === 'stuck' ? 'its workflow tasks keep failing' : 'it was cancelled and did not end';
    return wasRunning(handle.terminate(why));
  });
  if (isTerminated) {
    const ending = reason === 'stuck' ? 'failed' : 'cancelled';
    const claim = reason === 'cancelled' ? await findCancelledClaim(database, attemptId) : undefined;
    const ended = { attemptId, runId, ending, reason, progressed: false } as const;
    const settled = await settleBackfill(database, { ...ended, ...(claim !== undefined && { claim }) });
    countEnd(settled, reason);
    logger.warn({ attemptId, runId, reason }, 'terminated a backfill that did not end by itself');
  }
  await forgetCancelled(database, { attemptId, runId });
}

/** Waits until the run has ended, or the time is up. */
export async function untilEnded(temporal: TemporalDoor, { attemptId, runId }: BackfillRun, ms: number): Promise<void> {
  const leaving = new AbortController();
  const ended = temporal
    .follow(leaving.signal, (client) => client.workflow.getHandle(client.names.backfillId(attemptId), runId).result())
    .catch(() => undefined); // how it ended does not matter; whether it has is seen next
  await pTimeout(ended, { milliseconds: ms, fallback: () => undefined });
  leaving.abort();
}
