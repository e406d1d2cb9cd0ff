/**
 * Claiming an attempt for a backfill before its workflow is started: one compare-and-set, so that a hundred readers
 * start one workflow. A claim is named by its time, so that giving it back can't undo a later one.
 */
import { Prisma, type Database, type Queryable } from '../database.js';
import type { OrganizationScope } from '../organization-scope.js';
import { computeSync, lockAttempts } from './attempt-state.js';
import { NEEDS_BACKFILL_NOW } from './list-needing-backfill.js';

export interface BackfillClaim {
  attemptId: string;
  nodeId: string;
  organizationId: string;
  /** requested_at as text, which identifies the claim. The workflow that is started for it carries it. */
  claimedAt: string;
  /** Whether someone else had claimed the attempt before, for a run that may be about to start. */
  isShared: boolean;
  /** The run that held the attempt before: it may still run, and the start joins it then. */
  heldBy?: string;
  /** What people know the attempt by. */
  title: string | null;
  nodeName: string | null;
  /** Where the node's socket is, if a hive has it. */
  location?: { queue: string; sessionId: string };
}

interface ClaimRow {
  nodeId: string;
  organizationId: string;
  claimedAt: string;
  isShared: boolean;
  heldBy: string | null;
  title: string | null;
  nodeName: string | null;
  queue: string | null;
  sessionId: string | null;
}

/**
 * For a reader: partial -> pending_backfill, if the attempt needs a backfill now and its node is connected.
 * @returns undefined if there is nothing to start
 */
export async function claimBackfill(scope: OrganizationScope, attemptId: string): Promise<BackfillClaim | undefined> {
  const [row] = await scope.query<ClaimRow>(Prisma.sql`
    UPDATE attempt_sync s SET state = 'pending_backfill', requested_at = now(), run_id = NULL
    FROM attempt a, node n, node_lease l
    WHERE s.attempt_id = ${attemptId}::uuid AND a.id = s.attempt_id AND n.id = a.node_id
      AND a.organization_id = ${scope.organizationId}::uuid
      AND l.node_id = s.node_id AND l.expires_at > now() AND ${NEEDS_BACKFILL_NOW}
    RETURNING a.node_id AS "nodeId", a.organization_id AS "organizationId", s.requested_at::text AS "claimedAt",
              a.title, n.name AS "nodeName", false AS "isShared", NULL AS "heldBy", l.queue, l.session_id AS "sessionId"`);
  return row && toClaim(attemptId, row);
}

/**
 * For a person: clears what keeps the attempt or its executions back, and claims it unless it is claimed or held
 * already. What was claimed for a run that is cancelled now is claimed anew, so that the run's end does not end this claim.
 * @param cancelledRun a run that was cancelled before and has not ended: it is named, so that its end pauses nothing
 * @returns the claim, also if it was there before; undefined if there is no such attempt
 */
export async function claimManualBackfill(
  scope: OrganizationScope,
  attemptId: string,
  cancelledRun?: string,
): Promise<BackfillClaim | undefined> {
  const [row] = await scope.query<ClaimRow>(Prisma.sql`
    WITH before AS MATERIALIZED (
      SELECT s.attempt_id, s.state, s.paused, s.run_id, a.node_id, a.organization_id, a.title, n.name
      FROM attempt_sync s JOIN attempt a ON a.id = s.attempt_id JOIN node n ON n.id = a.node_id
      WHERE s.attempt_id = ${attemptId}::uuid AND a.organization_id = ${scope.organizationId}::uuid
      FOR UPDATE OF s
    ), released AS (
      UPDATE execution e SET set_aside_reason = NULL, failed_reads = 0
      FROM before WHERE e.attempt_id = before.attempt_id AND (e.set_aside_reason IS NOT NULL OR e.failed_reads > 0)
    ), claimed AS (
      UPDATE attempt_sync s SET paused = false, retry_at = NULL, too_large = NULL, too_large_until = NULL, idle_backfills = 0, needs_backfill = true,
        state = 'pending_backfill', ${cancelledRun === undefined ? Prisma.empty : named(cancelledRun)}
        requested_at = CASE WHEN before.state = 'pending_backfill' AND NOT before.paused THEN s.requested_at ELSE now() END,
        run_id = CASE WHEN before.state = 'pending_backfill' THEN s.run_id END
      FROM before WHERE s.attempt_id = before.attempt_id
      RETURNING s.attempt_id, s.requested_at::text AS claimed_at
    )
    SELECT before.node_id AS "nodeId", before.organization_id AS "organizationId", claimed.claimed_at AS "claimedAt",
           before.title, before.name AS "nodeName",
           before.state = 'pending_backfill' AS "isShared",
           CASE before.state WHEN 'pending_backfill' THEN before.run_id END AS "heldBy", l.queue, l.session_id AS "sessionId"
    FROM before JOIN claimed USING (attempt_id)
    LEFT JOIN node_lease l ON l.node_id = before.node_id AND l.expires_at > now()`);
  return row && toClaim(attemptId, row);
}

const named = (runId: string) => Prisma.sql`
        cancelled_run = ${runId},
        cancelled_at = CASE WHEN s.cancelled_run = ${runId} THEN s.cancelled_at ELSE now() END,`;

function toClaim(attemptId: string, row: ClaimRow): BackfillClaim {
  const { nodeId, organizationId, claimedAt, isShared, heldBy, title, nodeName, queue, sessionId } = row;
  return {
    attemptId,
    nodeId,
    organizationId,
    claimedAt,
    isShared,
    title,
    nodeName,
    ...(heldBy !== null && { heldBy }),
    ...(queue !== null && sessionId !== null && { location: { queue, sessionId } }),
  };
}

/**
 * Gives back a claim for which no workflow was started; if a workflow has taken it over meanwhile, nothing happens. The
 * state is computed anew, because the node may have announced a change since, and the claim may have put back what had
 * been set aside.
 */
export function releaseBackfillClaim(db: Database, { attemptId, claimedAt }: BackfillClaim): Promise<void> {
  return db.$transaction(async (tx) => {
    await lockAttempts(tx, [attemptId]);
    const released = await tx.$executeRaw`
      UPDATE attempt_sync SET
        state = CASE WHEN unavailable_reason IS NULL THEN 'partial' ELSE 'unavailable' END::sync_state
      WHERE attempt_id = ${attemptId}::uuid AND state = 'pending_backfill' AND run_id IS NULL
        AND requested_at = ${claimedAt}::timestamptz`;
    if (released === 1) await computeSync(tx, [attemptId]);
  });
}

/** The run that was started for the claim takes over what the claim's former run, which has ended, left behind. */
export async function passHoldOn(db: Queryable, { attemptId, heldBy }: BackfillClaim, runId: string): Promise<void> {
  await db.$executeRaw`
    UPDATE attempt_sync SET run_id = ${runId}
    WHERE attempt_id = ${attemptId}::uuid AND state = 'pending_backfill' AND run_id = ${heldBy ?? null}`;
}
