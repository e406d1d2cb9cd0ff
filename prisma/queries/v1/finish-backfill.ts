import type { ExecutionSync } from '../../../protocol/frames.js';
import type { Database, Queryable } from '../../database.js';
import { lockSession, type SessionFence } from '../../session.js';
import { computeSync, lockAttempts, type ComputedSync } from '../attempt-state.js';

/** A whole backfill of one attempt that a node has answered with success, and whose frames are stored. */
export interface FinishedBackfill {
  attemptId: string;
  /** The executions that it brought. */
  listed: ReadonlySet<string>;
  /** The executions that the hive knew before it asked, and whether they had ended by then. */
  knownBefore: ReadonlyMap<string, { hadEnded: boolean }>;
  /** When it was asked for, by the node's clock, in ms since the epoch; undefined if the node's clock is unknown. */
  askedAt: number | undefined;
  /** Logs that the hive could not bring in line with the node's. */
  unsettled: ReadonlySet<string>;
}

/** How far off the node's clock may be: the hive knows it from heartbeats only. */
const CLOCK_MARGIN_MS = 5000;

interface ExecutionRow {
  id: string;
  status: ExecutionSync['status'];
  metadata: string;
}

/**
 * Stores the end of a whole backfill. The attempt counts as described if the backfill began after the attempt's last
 * execution had ended, because an execution that ended later may have written lines that the backfill did not bring.
 * Executions that it did not list are gone from the node, except dropped ones, which no backfill lists.
 * @returns the attempt's state; undefined if the attempt is gone
 * @throws SupersededError
 */
export function finishBackfill(
  db: Database,
  session: SessionFence,
  backfill: FinishedBackfill,
): Promise<ComputedSync | undefined> {
  const { attemptId } = backfill;
  return db.$transaction(async (tx) => {
    await lockAttempts(tx, [attemptId]);
    await lockSession(tx, session);
    const executions = await tx.$queryRaw<ExecutionRow[]>`
        SELECT id, status, metadata::text AS metadata FROM execution
        WHERE attempt_id = ${attemptId}::uuid AND node_id = ${session.nodeId}::uuid AND NOT gone_from_node`;
    const gone = executions.filter((row) => isGone(row, backfill)).map((row) => row.id);
    const isDescribed = executions.every((row) => gone.includes(row.id) || isSettled(row, backfill));
    await writeEnd(tx, session, { attemptId, gone, isDescribed });
    return (await computeSync(tx, [attemptId]))[0];
  });
}

function isGone(row: ExecutionRow, { listed, knownBefore }: FinishedBackfill): boolean {
  return !listed.has(row.id) && knownBefore.has(row.id) && !metadataOf(row).dropped;
}

function isSettled(row: ExecutionRow, backfill: FinishedBackfill): boolean {
  const { listed, knownBefore, askedAt, unsettled } = backfill;
  if (row.status === 'running') return true; // its end will ask for another backfill
  if (unsettled.has(row.id)) return false;
  const before = knownBefore.get(row.id);
  if (!listed.has(row.id)) return before !== undefined;
  if (before) return before.hadEnded;
  const { completed_at: completedAt } = metadataOf(row);
  return askedAt !== undefined && completedAt != null && Date.parse(completedAt) + CLOCK_MARGIN_MS < askedAt;
}

function metadataOf(row: ExecutionRow): ExecutionSync {
  return JSON.parse(row.metadata) as ExecutionSync;
}

async function writeEnd(
  tx: Queryable,
  session: SessionFence,
  end: { attemptId: string; gone: string[]; isDescribed: boolean },
): Promise<void> {
  await tx.$executeRaw`
    UPDATE execution SET gone_from_node = true
    WHERE id = ANY (${end.gone}::uuid[]) AND node_id = ${session.nodeId}::uuid`;
  await tx.$executeRaw`
    UPDATE attempt a SET
      execution_count = (SELECT count(*) FROM execution e WHERE e.attempt_id = a.id AND NOT e.gone_from_node),
      described_revision = CASE WHEN ${end.isDescribed} THEN a.revision ELSE a.described_revision END
    WHERE a.id = ${end.attemptId}::uuid AND a.node_id = ${session.nodeId}::uuid`;
}

/** The executions of the attempt that count, and whether they have ended. */
export async function listKnownExecutions(
  db: Queryable,
  attemptId: string,
): Promise<Map<string, { hadEnded: boolean }>> {
  const rows = await db.$queryRaw<{ id: string; hadEnded: boolean }[]>`
    SELECT id, status <> 'running' AS "hadEnded" FROM execution WHERE attempt_id = ${attemptId}::uuid AND NOT gone_from_node`;
  return new Map(rows.map(({ id, hadEnded }) => [id, { hadEnded }]));
}
