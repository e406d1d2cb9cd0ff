/**
 * Gives every change of an attempt its position in the feed. Writers only note which attempts they have touched (the
 * migration's triggers). One transaction at a time, over all hives, takes the notes and gives out positions, and the
 * next one begins when it is committed: positions become visible in their order.
 */
import type { ExecutionStatus, SyncState } from '../../../protocol/frames.js';
import { Prisma, type Database, type Queryable } from '../../database.js';
import { SHOWN_EXECUTION } from '../attempt-executions.js';
import { recordEvents } from '../webhooks/record-events.js';
import type { NumberedChange } from './numbered-change.js';

export interface Numbering {
  changes: NumberedChange[];
  /** There is more to do at once. */
  hasMore: boolean;
  /** Another transaction is at it, so nothing was done. */
  isElsewhere: boolean;
}

export interface NumberingOptions {
  /** How many notes are taken at a time. @default 2000 */
  notes?: number;
  /**
   * How often the lines of running executions are compared with those that the feed has told: storing them leaves no
   * note. @default 5000 @format ms
   */
  compareEveryMs?: number;
  /** Maximum duration of the transaction. @default 20000 @format ms */
  answerMs?: number;
}

export const NOTES = 2000;
const COMPARE_EVERY_MS = 5000;
const LOCK_MS = 2000;
const ANSWER_MS = 20_000;
/** Lines come only from a node that is heard from. A last heartbeat may be that old when the last line comes. */
const LAST_HEARTBEAT_MS = 10 * 60_000;

/** @throws the database's errors; nothing is numbered then */
export async function numberChanges(db: Database, options: NumberingOptions = {}): Promise<Numbering> {
  if (!(await isAnythingToDo(db, options))) return { changes: [], hasMore: false, isElsewhere: false };
  const { answerMs = ANSWER_MS } = options;
  return db.$transaction((tx) => numberIn(tx, options), { lockMs: LOCK_MS, answerMs });
}

/** Numbers changes in a transaction, which nobody else can do until it ends. */
export async function numberIn(tx: Queryable, options: NumberingOptions = {}): Promise<Numbering> {
  // a statement of its own, because the next one must see what the holder of the lock before this one committed
  const [lock] = await tx.$queryRaw<{ isHeld: boolean }[]>`
    SELECT pg_try_advisory_xact_lock(hashtextextended(current_schema() || ' hivesync feed', 0)) AS "isHeld"`;
  if (!lock?.isHeld) return { changes: [], hasMore: false, isElsewhere: true };
  const { notes = NOTES } = options;
  const rows = await giveOut(tx, notes, await listMovedRunning(tx, options));
  const changes = rows.filter((row) => row.attemptId !== null).map(toChange);
  await recordEvents(tx, changes);
  return { changes, hasMore: (rows[0]?.taken ?? 0) >= notes, isElsewhere: false };
}

async function isAnythingToDo(db: Queryable, options: NumberingOptions): Promise<boolean> {
  const [row] = await db.$queryRaw<{ is: boolean }[]>`
    SELECT EXISTS (SELECT FROM attempt_touched)
      OR NOT EXISTS (SELECT FROM feed_state WHERE ${isRecent(options)}) AS is`;
  return row?.is ?? false;
}

const isRecent = ({ compareEveryMs = COMPARE_EVERY_MS }: NumberingOptions) =>
  Prisma.sql`running_compared_at > now() - ${compareEveryMs}::float8 * interval '1 ms'`;

/** Attempts of which more lines are stored or declared than the feed has told, if it is time to look. */
async function listMovedRunning(tx: Queryable, options: NumberingOptions): Promise<string[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    WITH former AS (
      SELECT max(running_compared_at) AS compared_at, count(*) FILTER (WHERE ${isRecent(options)}) > 0 AS is_recent
      FROM feed_state
    ), noted AS (
      INSERT INTO feed_state (running_compared_at) SELECT now() FROM former WHERE NOT is_recent
      ON CONFLICT ("only") DO UPDATE SET running_compared_at = excluded.running_compared_at
    )
    SELECT a.id FROM former, LATERAL (
      SELECT DISTINCT e.attempt_id AS id FROM execution e JOIN node n ON n.id = e.node_id
      WHERE e.status = 'running' AND NOT e.gone_from_node AND NOT former.is_recent
        AND (former.compared_at IS NULL
             OR n.last_heartbeat_at > former.compared_at - ${LAST_HEARTBEAT_MS}::float8 * interval '1 ms')
    ) a
    JOIN attempt_change c ON c.attempt_id = a.id ${SHOWN_EXECUTION}
    WHERE (c.lines_declared, c.lines_stored) IS DISTINCT FROM (shown.lines_declared, shown.lines_stored)`;
  return rows.map(({ id }) => id);
}

interface NumberedRow extends Omit<NumberedChange, 'before' | 'after'> {
  deleted: boolean;
  status: ExecutionStatus | null;
  syncState: SyncState;
  endedExecutions: number;
  wasThere: boolean;
  formerStatus: ExecutionStatus | null;
  formerSyncState: SyncState;
  formerEnded: number;
  /** How many notes were taken. */
  taken: number;
}

/** Notes can be about nothing that is told: then the only row says how many they were. */
type TakenRow = NumberedRow | { attemptId: null; taken: number };

/**
 * Takes notes, and gives their attempts positions, those that came to the hive first before the others. A note is taken
 * and the state that it is about read by one statement, so that a later change always has a note that is still there.
 */
function giveOut(tx: Queryable, notes: number, moved: string[]): Promise<TakenRow[]> {
  return tx.$queryRaw<TakenRow[]>`
    WITH taken AS (
      DELETE FROM attempt_touched WHERE ctid = ANY (ARRAY(SELECT ctid FROM attempt_touched LIMIT ${notes}))
      RETURNING attempt_id
    ), touched AS (
      SELECT attempt_id FROM taken UNION SELECT unnest(${moved}::uuid[])
    ), seen AS MATERIALIZED (
      SELECT touched.attempt_id, s.attempt_id IS NULL AS deleted, former.attempt_id IS NOT NULL AND NOT former.deleted AS was_there,
        COALESCE(a.organization_id, former.organization_id) AS organization_id, COALESCE(a.node_id, former.node_id) AS node_id,
        COALESCE(a.arrival, former.arrival) AS arrival, shown.status, COALESCE(s.state, former.sync_state) AS sync_state,
        COALESCE(shown.ended_executions, 0) AS ended_executions,
        COALESCE(shown.lines_declared, 0) AS lines_declared, COALESCE(shown.lines_stored, 0) AS lines_stored,
        COALESCE(a.branch, ${BRANCH_OF_METADATA}) AS branch, shown.command,
        former.status AS former_status, former.sync_state AS former_sync_state, former.ended_executions AS former_ended,
        former.organization_id AS former_organization_id
      FROM touched
      LEFT JOIN attempt_change former ON former.attempt_id = touched.attempt_id
      LEFT JOIN (attempt a JOIN attempt_sync s ON s.attempt_id = a.id) ON a.id = touched.attempt_id
      ${SHOWN_EXECUTION}
      WHERE s.attempt_id IS NOT NULL OR NOT former.deleted
    ), numbered AS (
      INSERT INTO attempt_change AS c (attempt_id, organization_id, node_id, position, deleted, arrival, status, sync_state,
        ended_executions, lines_declared, lines_stored, branch, command)
      SELECT attempt_id, organization_id, node_id, nextval('attempt_change_position'), deleted, arrival, status, sync_state,
        ended_executions, lines_declared, lines_stored, branch, command
      FROM (SELECT * FROM seen ORDER BY arrival) AS ordered
      ON CONFLICT (attempt_id) DO UPDATE SET organization_id = excluded.organization_id, node_id = excluded.node_id,
        position = excluded.position, changed_at = now(), deleted = excluded.deleted, arrival = excluded.arrival,
        status = excluded.status, sync_state = excluded.sync_state, ended_executions = excluded.ended_executions,
        lines_declared = excluded.lines_declared, lines_stored = excluded.lines_stored, branch = excluded.branch,
        command = excluded.command
      RETURNING c.attempt_id, c.position
    ), counted AS (
      INSERT INTO attempt_count AS n (organization_id, status, sync_state, attempts)
      SELECT organization_id, status, sync_state, sum(change) FROM (
        SELECT organization_id, COALESCE(status::text, '') AS status, sync_state, 1 AS change FROM seen WHERE NOT deleted
        UNION ALL
        SELECT former_organization_id, COALESCE(former_status::text, ''), former_sync_state, -1 FROM seen WHERE was_there
      ) AS changes
      GROUP BY organization_id, status, sync_state HAVING sum(change) <> 0
      ON CONFLICT (organization_id, status, sync_state) DO UPDATE SET attempts = n.attempts + excluded.attempts
    )
    SELECT seen.attempt_id AS "attemptId", seen.organization_id AS "organizationId", seen.node_id AS "nodeId",
      numbered.position, seen.deleted, seen.status, seen.sync_state AS "syncState", seen.ended_executions AS "endedExecutions",
      seen.was_there AS "wasThere", seen.former_status AS "formerStatus", seen.former_sync_state AS "formerSyncState",
      seen.former_ended AS "formerEnded", counts.taken
    FROM (SELECT count(*)::int AS taken FROM taken) counts
    LEFT JOIN (seen JOIN numbered ON numbered.attempt_id = seen.attempt_id) ON true ORDER BY numbered.position`;
}

/** Rows that a hive of an older version wrote have no branch of their own. JSON can hold what PostgreSQL's text can't. */
const BRANCH_OF_METADATA = Prisma.raw(
  String.raw`CASE WHEN a.metadata::text ~* '\\u(0000|d[89a-f])' THEN NULL ELSE a.metadata ->> 'branch' END`,
);

function toChange(row: NumberedRow): NumberedChange {
  const { attemptId, organizationId, nodeId, position, deleted, status, syncState, endedExecutions } = row;
  const former = { status: row.formerStatus, syncState: row.formerSyncState, endedExecutions: row.formerEnded };
  return {
    attemptId,
    organizationId,
    nodeId,
    position,
    before: row.wasThere ? former : null,
    after: deleted ? null : { status, syncState, endedExecutions },
  };
}
