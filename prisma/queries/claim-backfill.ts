/**
 * Taking an attempt for a backfill before its workflow is started: one compare-and-set, so that hundred readers
 * start one workflow. The claim is named by its time, so that giving it back can't undo a later one.
 */
import { Prisma, type Queryable } from '../database.js';
import type { SyncState } from '../generated/client.js';
import type { OrganizationScope } from '../organization-scope.js';

export interface BackfillClaim {
  attemptId: string;
  nodeId: string;
  organizationId: string;
  /** requested_at as text: what the claim is known by. */
  claimedAt: string;
  /** What the row goes back to if no workflow comes of it. */
  before: { state: SyncState; needsBackfill: boolean };
  /** Where the node's socket is, if a hive holds it. */
  location?: { queue: string; sessionId: string };
}

interface ClaimRow {
  node_id: string;
  organization_id: string;
  claimed_at: string;
  state_before: SyncState;
  needs_before: boolean;
  queue: string | null;
  session_id: string | null;
}

/**
 * For a reader: partial -> pending_backfill, if it needs one, is not paused, and its node is connected.
 * Undefined where there is nothing to start.
 */
export async function claimBackfill(scope: OrganizationScope, attemptId: string): Promise<BackfillClaim | undefined> {
  const [row] = await scope.query<ClaimRow>(Prisma.sql`
    UPDATE attempt_sync s SET state = 'pending_backfill', requested_at = now(), run_id = NULL
    FROM attempt a, node_lease l
    WHERE s.attempt_id = ${attemptId}::uuid AND a.id = s.attempt_id
      AND a.organization_id = ${scope.organizationId}::uuid
      AND l.node_id = s.node_id AND l.expires_at > now()
      AND s.state = 'partial' AND s.needs_backfill AND NOT s.paused AND (s.retry_at IS NULL OR s.retry_at <= now())
    RETURNING a.node_id, a.organization_id, s.requested_at::text AS claimed_at, 'partial' AS state_before,
              true AS needs_before, l.queue, l.session_id`);
  return row && toClaim(attemptId, row);
}

/**
 * For a person: clears what keeps the attempt or its executions back, and takes it unless a backfill has it
 * already. Undefined when it has, or when there is no such attempt.
 */
export async function claimManualBackfill(
  scope: OrganizationScope,
  attemptId: string,
): Promise<BackfillClaim | undefined> {
  const [row] = await scope.query<ClaimRow>(Prisma.sql`
    WITH before AS MATERIALIZED (
      SELECT s.attempt_id, s.state, s.needs_backfill, a.node_id, a.organization_id
      FROM attempt_sync s JOIN attempt a ON a.id = s.attempt_id
      WHERE s.attempt_id = ${attemptId}::uuid AND a.organization_id = ${scope.organizationId}::uuid
      FOR UPDATE OF s
    ), released AS (
      UPDATE execution e SET set_aside_reason = NULL
      FROM before WHERE e.attempt_id = before.attempt_id AND e.set_aside_reason IS NOT NULL
    ), claimed AS (
      UPDATE attempt_sync s SET paused = false, retry_at = NULL, idle_backfills = 0, needs_backfill = true,
        state = 'pending_backfill',
        requested_at = CASE WHEN before.state = 'pending_backfill' THEN s.requested_at ELSE now() END,
        run_id = CASE WHEN before.state = 'pending_backfill' THEN s.run_id END
      FROM before WHERE s.attempt_id = before.attempt_id
      RETURNING s.attempt_id, s.requested_at::text AS claimed_at
    )
    SELECT before.node_id, before.organization_id, claimed.claimed_at, before.state::text AS state_before,
           before.needs_backfill AS needs_before, l.queue, l.session_id
    FROM before JOIN claimed USING (attempt_id)
    LEFT JOIN node_lease l ON l.node_id = before.node_id AND l.expires_at > now()`);
  return row && row.state_before !== 'pending_backfill' ? toClaim(attemptId, row) : undefined;
}

function toClaim(attemptId: string, row: ClaimRow): BackfillClaim {
  const claim: BackfillClaim = {
    attemptId,
    nodeId: row.node_id,
    organizationId: row.organization_id,
    claimedAt: row.claimed_at,
    before: { state: row.state_before, needsBackfill: row.needs_before },
  };
  if (row.queue && row.session_id) claim.location = { queue: row.queue, sessionId: row.session_id };
  return claim;
}

/** Gives a claim back that no workflow came of; nothing happens if a workflow has taken it meanwhile. */
export async function releaseBackfillClaim(db: Queryable, claim: BackfillClaim): Promise<void> {
  await db.$executeRaw`
    UPDATE attempt_sync SET state = ${claim.before.state}::sync_state, needs_backfill = ${claim.before.needsBackfill}
    WHERE attempt_id = ${claim.attemptId}::uuid AND state = 'pending_backfill' AND run_id IS NULL
      AND requested_at = ${claim.claimedAt}::timestamptz`;
}

/** No backfill of the attempt starts by itself until a person starts one. */
export async function pauseBackfills(scope: OrganizationScope, attemptId: string): Promise<void> {
  await scope.execute(Prisma.sql`
    UPDATE attempt_sync s SET paused = true
    FROM attempt a
    WHERE s.attempt_id = ${attemptId}::uuid AND a.id = s.attempt_id
      AND a.organization_id = ${scope.organizationId}::uuid`);
}
