/** Ends a backfill from the outside if it does not end by itself: what was cancelled must end within a bound. */
import { WorkflowNotFoundError } from '@temporalio/client';
import pTimeout from 'p-timeout';
import type { Database } from '../prisma/database.js';
import { findCancelledClaim, forgetCancelled } from '../prisma/queries/pending-backfills.js';
import { settleBackfill } from '../prisma/queries/settle-backfill.js';
import { findRunning } from './find.js';
import { countEnd } from './metrics.js';
import type { TemporalCaller, TemporalDoor } from './temporal-door.js';

/** A cancelled run that has not ended after this time is terminated. */
export const CANCELLED_SECONDS = 30;

export interface EndBackfillDeps {
  temporal: TemporalDoor;
  database: Database;
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
 * @returns whether it had to be terminated
 * @throws TemporalUnavailableError
 */
export async function endBackfill(
  { temporal, database }: EndBackfillDeps,
  { attemptId, runId }: BackfillRun,
  reason: EndReason,
  caller: TemporalCaller,
): Promise<boolean> {
  const isTerminated = await temporal.call(caller, async (client) => {
    if ((await findRunning(client, attemptId))?.runId !== runId) return false;
    const options = { firstExecutionRunId: runId }; // never a newer one
    return client.workflow
      .getHandle(client.names.backfillId(attemptId), undefined, options)
      .terminate(reason === 'stuck' ? 'its workflow tasks keep failing' : 'it was cancelled and did not end')
      .then(() => true)
      .catch((error: unknown) => {
        if (error instanceof WorkflowNotFoundError) return false;
        throw error;
      });
  });
  if (isTerminated) {
    const ending = reason === 'stuck' ? 'failed' : 'cancelled';
    const claim = reason === 'cancelled' ? await findCancelledClaim(database, attemptId) : undefined;
    const ended = { attemptId, runId, ending, reason, progressed: false } as const;
    const settled = await settleBackfill(database, { ...ended, ...(claim !== undefined && { claim }) });
    countEnd(settled, reason);
  }
  await forgetCancelled(database, { attemptId, runId });
  return isTerminated;
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
