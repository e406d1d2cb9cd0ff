/**
 * The hive's own word about a cancel: which run it was meant for, and that nothing starts by itself until a person
 * starts a backfill. A start that comes later lifts the pause; the end of the run that was cancelled does not restore it.
 */
import type { SyncState } from '../../protocol/frames.js';
import { Prisma, type Database, type Queryable } from '../database.js';
import type { OrganizationScope } from '../organization-scope.js';
import { computeSync, lockAttempts } from './attempt-state.js';

/**
 * @param runId of the run that is about to be told
 * @returns whether there is such an attempt. It is paused now, unless it is complete.
 */
export async function cancelBackfill(scope: OrganizationScope, attemptId: string, runId: string): Promise<boolean> {
  const changed = await scope.execute(Prisma.sql`
    UPDATE attempt_sync s SET paused = s.state <> 'complete', cancelled_run = ${runId}, cancelled_at = now()
    FROM attempt a WHERE ${isAttempt(scope, attemptId)}`);
  return changed === 1;
}

/**
 * Cancels what no run has taken over: a claim, or the hold of a run that has died, which ends with it.
 * @param heldBy the run that held the attempt when it was looked whether one runs
 * @returns the attempt's state, and how long ago the backfill was requested that ends with it; undefined if there was
 *   nothing to cancel. The attempt is paused now, unless nothing is missing: then it is complete.
 */
export function cancelClaim(
  db: Database,
  scope: OrganizationScope,
  attemptId: string,
  heldBy: string | null,
): Promise<{ state: SyncState; seconds: number } | undefined> {
  return db.$transaction(async (tx) => {
    await lockAttempts(tx, [attemptId]);
    const [ended] = await tx.$queryRaw<{ seconds: number }[]>`
      UPDATE attempt_sync s SET paused = true, run_id = NULL,
        state = CASE WHEN s.unavailable_reason IS NULL THEN 'partial' ELSE 'unavailable' END::sync_state
      FROM attempt a WHERE ${isAttempt(scope, attemptId)}
        AND s.state = 'pending_backfill' AND s.run_id IS NOT DISTINCT FROM ${heldBy}
      RETURNING extract(epoch FROM now() - s.requested_at)::float8 AS seconds`;
    if (!ended) return undefined;
    const [sync] = await computeSync(tx, [attemptId]);
    return { state: sync?.state ?? 'partial', ...ended };
  });
}

const isAttempt = (scope: OrganizationScope, attemptId: string) => Prisma.sql`
  s.attempt_id = ${attemptId}::uuid AND a.id = s.attempt_id AND a.organization_id = ${scope.organizationId}::uuid`;

/** A start that found the run cancelled, by the API or in Temporal, comes after that cancel: its end pauses nothing. */
export async function nameCancelled(db: Queryable, attemptId: string, runId: string): Promise<void> {
  await db.$executeRaw`
    UPDATE attempt_sync SET cancelled_run = ${runId}, cancelled_at = now()
    WHERE attempt_id = ${attemptId}::uuid AND cancelled_run IS DISTINCT FROM ${runId}`;
}

/** @returns whether the run was cancelled by the API, which may still be about to tell it */
export async function isNamedCancelled(db: Queryable, attemptId: string, runId: string): Promise<boolean> {
  const rows = await db.$queryRaw<unknown[]>`
    SELECT FROM attempt_sync WHERE attempt_id = ${attemptId}::uuid AND cancelled_run = ${runId}`;
  return rows.length > 0;
}

/** @returns the state, and the run that holds the attempt; undefined if the organisation has no such attempt */
export async function findHold(
  scope: OrganizationScope,
  attemptId: string,
): Promise<{ state: string; runId: string | null } | undefined> {
  const [row] = await scope.query<{ state: string; runId: string | null }>(Prisma.sql`
    SELECT s.state, s.run_id AS "runId" FROM attempt_sync s, attempt a WHERE ${isAttempt(scope, attemptId)}`);
  return row;
}
