import { Prisma, type Queryable } from '../database.js';
import type { OrganizationScope } from '../organization-scope.js';

/** A claim older than this belongs to no start that is still under way: the longest deadlines of one add up to it. */
const STARTING_SECONDS = 20;

/** Counts the attempts in `pending_backfill` of all organisations; a partial index contains nothing else. */
export async function countPendingBackfills(db: Queryable): Promise<number> {
  const [row] = await db.$queryRaw<{ count: number }[]>`
    SELECT count(*)::int AS count FROM attempt_sync WHERE state = 'pending_backfill'`;
  return row?.count ?? 0;
}

export interface StaleBackfill {
  attemptId: string;
  /** Null if a trigger claimed the attempt and no workflow has taken it over. */
  runId: string | null;
  /** {@link BackfillClaim}'s `claimedAt`, from which on the attempt has been pending. */
  claim: string;
}

/** Attempts that have been in `pending_backfill` for longer than `minutes`, by id. Their workflows may still run. */
export function listStaleBackfills(
  db: Queryable,
  minutes: number,
  afterAttemptId: string | undefined,
  limit: number,
): Promise<StaleBackfill[]> {
  return db.$queryRaw`
    SELECT attempt_id AS "attemptId", run_id AS "runId", requested_at::text AS claim FROM attempt_sync
    WHERE state = 'pending_backfill' AND requested_at < now() - ${minutes}::float8 * interval '1 minute'
      ${afterAttemptId === undefined ? Prisma.empty : Prisma.sql`AND attempt_id > ${afterAttemptId}::uuid`}
    ORDER BY attempt_id LIMIT ${limit}`;
}

/** What frees an attempt `s` of attempt_sync from a backfill that is known not to run, and leaves it to the next one. */
const FREED = Prisma.sql`run_id = NULL,
  state = CASE WHEN s.unavailable_reason IS NULL THEN 'partial' ELSE 'unavailable' END::sync_state,
  needs_backfill = s.needs_backfill AND s.unavailable_reason IS NULL`;

/** See {@link freeAllBackfills}; for a connection without Prisma. */
export const FREE_ALL = Prisma.sql`UPDATE attempt_sync s SET ${FREED} WHERE s.state = 'pending_backfill'`;

/**
 * Frees all attempts, because the database went back to an earlier state: the backfills that it knows as running have
 * ended since, or take their attempts again with their next step.
 */
export async function freeAllBackfills(db: Queryable): Promise<void> {
  await db.$executeRaw(FREE_ALL);
}

/**
 * For a reader who has just learnt that no backfill of the attempt is running: frees the attempt, unless it was claimed
 * so recently that its workflow may still be about to start.
 * @returns how long ago the backfill was requested that ends with it, in seconds; undefined if it did nothing
 */
export async function resetAbandoned(scope: OrganizationScope, attemptId: string): Promise<number | undefined> {
  const [row] = await scope.query<{ seconds: number }>(Prisma.sql`
    UPDATE attempt_sync s SET ${FREED} FROM attempt a
    WHERE s.attempt_id = ${attemptId}::uuid AND a.id = s.attempt_id
      AND a.organization_id = ${scope.organizationId}::uuid
      AND s.state = 'pending_backfill' AND s.requested_at < now() - ${STARTING_SECONDS}::float8 * interval '1 second'
    RETURNING extract(epoch FROM now() - s.requested_at)::float8 AS seconds`);
  return row?.seconds;
}

/** @returns the claim of an attempt that was cancelled before a run held it; undefined if there is none */
export async function findCancelledClaim(db: Queryable, attemptId: string): Promise<string | undefined> {
  const [row] = await db.$queryRaw<{ claim: string }[]>`
    SELECT requested_at::text AS claim FROM attempt_sync
    WHERE attempt_id = ${attemptId}::uuid AND state = 'pending_backfill' AND run_id IS NULL AND paused`;
  return row?.claim;
}

/** A run that was told to end, and that is not known to have ended. */
export interface CancelledBackfill {
  attemptId: string;
  runId: string;
}

/** Runs that were cancelled more than `seconds` ago, by attempt. Most of them have ended since. */
export function listCancelledBackfills(db: Queryable, seconds: number, limit: number): Promise<CancelledBackfill[]> {
  return db.$queryRaw`
    SELECT attempt_id AS "attemptId", cancelled_run AS "runId" FROM attempt_sync
    WHERE cancelled_at < now() - ${seconds}::float8 * interval '1 second' AND cancelled_run IS NOT NULL
    ORDER BY cancelled_at LIMIT ${limit}`;
}

/** That cancelled run has ended: nothing more has to be done about it. */
export async function forgetCancelled(db: Queryable, { attemptId, runId }: CancelledBackfill): Promise<void> {
  await db.$executeRaw`
    UPDATE attempt_sync SET cancelled_at = NULL WHERE attempt_id = ${attemptId}::uuid AND cancelled_run = ${runId}`;
}
