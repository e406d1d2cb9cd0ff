import type { ExecutionSync } from '../../../protocol/frames.js';
import { toTimestamp } from '../../../protocol/time.js';
import type { Database, Queryable } from '../../database.js';
import { lockSession, type SessionFence } from '../../session.js';
import { computeSync, lockAttempts, type ComputedSync } from '../attempt-state.js';
import { STORED_LINES } from '../stored-lines.js';
import { settleRequests } from './outstanding-requests.js';
import { readLastTime } from './stored-log.js';

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
  /** Executions of which a pushed batch was lost since the request was sent, so that it may be newer than the answer. */
  lost: ReadonlySet<string>;
}

/**
 * For so long after an execution's end its log may not be whole: an original node writes `completed_at` first and the
 * lines then. The hive knows the node's clock from heartbeats only, so this also covers how far off it may be.
 * @format ms
 */
export const LOG_WRITTEN_MS = 10_000;
/** A busy node may need this long after an agent's end until it writes the first line. Scripts have no lines there. */
const FIRST_LINE_MS = 45_000;
/** The lines carry the time at which they were written. While a node writes, the next one comes sooner than this. */
const LINE_PAUSE_MS = 5_000;
/** No node writes for so long after an execution's end. */
const LAST_LINE_MS = 10 * 60_000;
/** While a log is being written, the hive waits between these before it asks again; each answer is the whole log. */
const WRITTEN_LATER_MS = { least: 5_000, most: 60_000 };

interface ExecutionRow {
  id: string;
  status: ExecutionSync['status'];
  metadata: string;
  epoch: number;
  storedLines: number;
}

export interface TakenAnswer {
  /** The attempt's state; undefined if nothing was finished, or the attempt is gone. */
  sync: ComputedSync | undefined;
  /** Those of the listed executions whose log was brought whole, so that what is pushed next follows it. */
  followed: string[];
  /** Whether an execution ended too late for this answer, so that another may tell more. */
  isEarly: boolean;
  /** After how many ms to ask again, because the node may still have been writing a log when it answered; 0 if not. */
  askAgainMs: number;
}

/**
 * Settles a request that the node has answered, and those before it; and if it was a whole backfill that succeeded,
 * stores its end in the same transaction. It may be repeated if it is unknown whether it was committed: the request's
 * row tells, because it is gone then.
 * @param finished absent if nothing but the request is to be settled
 * @throws SupersededError
 */
export function settleAnswer(
  db: Database,
  session: SessionFence,
  requestId: string,
  finished?: FinishedBackfill,
): Promise<TakenAnswer> {
  return db.$transaction(async (tx) => {
    if (finished) await lockAttempts(tx, [finished.attemptId]);
    await lockSession(tx, session);
    const settled = await settleRequests(tx, session.nodeId, requestId);
    if (!finished) return { sync: undefined, followed: [], isEarly: false, askAgainMs: 0 };
    const executions = await listExecutions(tx, session, finished.attemptId);
    const beingWritten = await listBeingWritten(tx, executions, finished);
    const gone = executions.filter((row) => isGone(row, finished)).map((row) => row.id);
    const isDescribed = executions.every(
      (row) => gone.includes(row.id) || (isSettled(row, finished) && !beingWritten.has(row.id)),
    );
    if (settled.includes(requestId)) await finishBackfill(tx, session, finished, { gone, isDescribed });
    const [sync] = await computeSync(tx, [finished.attemptId]);
    const followed = await listFollowed(tx, finished);
    return { sync, followed, isEarly: !isDescribed, askAgainMs: askAgainAfter(beingWritten) };
  });
}

/**
 * Stores the end of a whole backfill. The attempt counts as described if the backfill began after the attempt's last
 * execution had ended, because an execution that ended later may have written lines that the backfill did not bring.
 * Executions that it did not list are gone from the node, except dropped ones, which no backfill lists.
 */
async function finishBackfill(
  tx: Queryable,
  session: SessionFence,
  backfill: FinishedBackfill,
  end: { gone: string[]; isDescribed: boolean },
): Promise<void> {
  const { attemptId, listed, unsettled, lost } = backfill;
  await writeEnd(tx, session, { attemptId, ...end });
  // A pushed line that is looked for and was pushed before the request was sent will not be found in any answer.
  await tx.$executeRaw`
    UPDATE execution SET has_gap = false, live_lost_line = NULL
    WHERE id = ANY (${[...listed].filter((id) => !unsettled.has(id))}::uuid[]) AND attempt_id = ${attemptId}::uuid
      AND node_id = ${session.nodeId}::uuid AND (has_gap OR live_lost_line IS NOT NULL)
      AND (live_lost_line IS NULL OR id <> ALL (${[...lost]}::uuid[]))`;
}

function listExecutions(tx: Queryable, { nodeId }: SessionFence, attemptId: string): Promise<ExecutionRow[]> {
  return tx.$queryRaw<ExecutionRow[]>`
    SELECT e.id, e.status, e.metadata::text AS metadata, e.log_epoch AS epoch, ${STORED_LINES} AS "storedLines"
    FROM execution e WHERE e.attempt_id = ${attemptId}::uuid AND e.node_id = ${nodeId}::uuid AND NOT e.gone_from_node`;
}

/** @returns those of the executions whose log the node may not have written to its end when it was asked: how long ago each ended, in ms */
async function listBeingWritten(
  tx: Queryable,
  executions: ExecutionRow[],
  { listed, askedAt }: FinishedBackfill,
): Promise<Map<string, number>> {
  const beingWritten = new Map<string, number>();
  for (const row of executions) {
    const { completed_at: completedAt, run_reason: reason } = metadataOf(row);
    // An original node that was killed may never say when an execution ended.
    if (row.status === 'running' || !listed.has(row.id) || completedAt == null || askedAt === undefined) continue;
    const since = timeSince(completedAt, askedAt);
    if (isLogBeingWritten(since)) beingWritten.set(row.id, since);
    else if (since < 0 || since > LAST_LINE_MS) continue;
    else if (row.storedLines > 0) {
      const lastLineAt = await readLastTime(tx, { executionId: row.id, epoch: row.epoch });
      if (lastLineAt !== undefined && Math.abs(askedAt - lastLineAt) <= LINE_PAUSE_MS) beingWritten.set(row.id, since);
    } else if (reason === 'codingagent' && since <= FIRST_LINE_MS) beingWritten.set(row.id, since);
  }
  return beingWritten;
}

/** The longer a node has been writing, the longer the hive waits: a large log is sent whole each time. */
function askAgainAfter(beingWritten: ReadonlyMap<string, number>): number {
  if (beingWritten.size === 0) return 0;
  const { least, most } = WRITTEN_LATER_MS;
  return Math.min(Math.max(...[...beingWritten.values()].map((since) => since / 3), least), most);
}

async function listFollowed(tx: Queryable, { attemptId, listed, unsettled }: FinishedBackfill): Promise<string[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM execution
    WHERE attempt_id = ${attemptId}::uuid AND NOT has_gap AND id = ANY (${[...listed].filter((id) => !unsettled.has(id))}::uuid[])`;
  return rows.map(({ id }) => id);
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
  const { completed_at: completedAt } = metadataOf(row);
  if (before) return before.hadEnded;
  return askedAt !== undefined && completedAt != null && timeSince(completedAt, askedAt) > 0;
}

/** @returns how long ago it was at a time of the node's clock, in ms; negative if the clock has gone back since */
export function timeSince(completedAt: string, nodeTime: number): number {
  return nodeTime - Date.parse(toTimestamp(completedAt));
}

/** @param since how long ago the execution ended, by the node's clock. @format ms */
export function isLogBeingWritten(since: number): boolean {
  return Math.abs(since) <= LOG_WRITTEN_MS;
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
