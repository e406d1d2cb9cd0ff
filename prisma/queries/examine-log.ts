/** What the check of stored logs reads: what the hive's counters say of executions, and their pages as they are. */
import type { ExecutionStatus } from '../../protocol/frames.js';
import { Prisma, type Queryable } from '../database.js';
import type { SyncState } from '../generated/client.js';

/** What the hive's counters say that it has of an execution. */
export interface ClaimedLog {
  executionId: string;
  attemptId: string;
  ordinal: number;
  status: ExecutionStatus;
  isGoneFromNode: boolean;
  declaredLines: number;
  logEpoch: number;
  storedEpoch: number;
  storedLines: number;
  stdoutLines: number;
  stderrLines: number;
  systemLines: number;
  /** Pages of another epoch than the stored one. */
  orphanPages: number;
  /** Pages that an earlier repair kept until the node has sent their lines again. */
  keptPages: number;
  attemptState: SyncState;
  isPaused: boolean;
}

// The orphan pages are two ranges of the index: `<>` would look at every page.
const CLAIMED_LOG = Prisma.sql`
  SELECT e.id AS "executionId", e.attempt_id AS "attemptId", e.ordinal, e.status, e.gone_from_node AS "isGoneFromNode",
         e.declared_lines AS "declaredLines", e.log_epoch AS "logEpoch", e.stored_epoch AS "storedEpoch",
         e.stored_lines AS "storedLines", e.stdout_lines AS "stdoutLines", e.stderr_lines AS "stderrLines",
         e.system_lines AS "systemLines", s.state AS "attemptState", s.paused AS "isPaused",
         (SELECT count(*)::int FROM log_page p
          WHERE p.execution_id = e.id AND p.log_epoch >= 0 AND p.log_epoch < e.stored_epoch)
           + (SELECT count(*)::int FROM log_page p WHERE p.execution_id = e.id AND p.log_epoch > e.stored_epoch)
           AS "orphanPages",
         (SELECT count(*)::int FROM log_page p WHERE p.execution_id = e.id AND p.log_epoch < 0) AS "keptPages"
  FROM execution e JOIN attempt_sync s ON s.attempt_id = e.attempt_id`;

// One text for all attempts and one for a single attempt: a prepared plan for both would have to scan the whole table.
const ofAttempt = (column: Prisma.Sql, attemptId: string | undefined) =>
  attemptId === undefined ? Prisma.sql`true` : Prisma.sql`${column} = ${attemptId}::uuid`;

/** All executions, or those of one attempt, in an order in which a listing can go on. */
export function listClaimedLogs(
  db: Queryable,
  attemptId: string | undefined,
  after: Pick<ClaimedLog, 'attemptId' | 'ordinal'> | undefined,
  limit: number,
): Promise<ClaimedLog[]> {
  return db.$queryRaw`
    ${CLAIMED_LOG}
    WHERE ${ofAttempt(Prisma.sql`e.attempt_id`, attemptId)}
      AND (e.attempt_id, e.ordinal) > (COALESCE(${after?.attemptId ?? null}::uuid, '00000000-0000-0000-0000-000000000000'), ${after?.ordinal ?? -1}::int)
    ORDER BY e.attempt_id, e.ordinal LIMIT ${limit}`;
}

/** @returns undefined if the execution is gone */
export async function findClaimedLog(db: Queryable, executionId: string): Promise<ClaimedLog | undefined> {
  const [log] = await db.$queryRaw<ClaimedLog[]>`${CLAIMED_LOG} WHERE e.id = ${executionId}::uuid`;
  return log;
}

export interface ExaminedPage {
  firstSeq: number;
  lastSeq: number;
  stdoutLines: number;
  stderrLines: number;
  systemLines: number;
  rawBytes: number;
  gzip: Buffer;
}

const BATCH_PAGES = 128;
const BATCH_BYTES = 4 * 1024 * 1024;

/** The next pages of an epoch, in order, up to about 4 MiB; at least one if there is any. */
export function listPagesToExamine(
  db: Queryable,
  executionId: string,
  epoch: number,
  afterFirstSeq: number,
): Promise<ExaminedPage[]> {
  return db.$queryRaw`
    SELECT page.first_seq AS "firstSeq", page.last_seq AS "lastSeq", page.stdout_lines AS "stdoutLines",
           page.stderr_lines AS "stderrLines", page.system_lines AS "systemLines", page.raw_bytes AS "rawBytes", page.gzip
    FROM (
      SELECT *, sum(octet_length(gzip)) OVER (ORDER BY first_seq) - octet_length(gzip) AS bytes_before
      FROM (SELECT * FROM log_page
            WHERE execution_id = ${executionId}::uuid AND log_epoch = ${epoch} AND first_seq > ${afterFirstSeq}
            ORDER BY first_seq LIMIT ${BATCH_PAGES}) AS next
    ) AS page
    WHERE page.bytes_before < ${BATCH_BYTES} ORDER BY page.first_seq`;
}

export interface LogSizes {
  executions: number;
  lines: number;
}

/** How much there is to examine. */
export async function sumLogSizes(db: Queryable, attemptId: string | undefined): Promise<LogSizes> {
  const [sizes] = await db.$queryRaw<LogSizes[]>`
    SELECT count(*)::int AS executions, COALESCE(sum(stored_lines), 0)::float8 AS lines FROM execution
    WHERE ${ofAttempt(Prisma.sql`attempt_id`, attemptId)}`;
  return sizes ?? { executions: 0, lines: 0 };
}

/** The ids of all attempts, or of the given one if it exists, in order. */
export async function listAttemptIds(
  db: Queryable,
  attemptId: string | undefined,
  after: string | undefined,
  limit: number,
): Promise<string[]> {
  const rows = await db.$queryRaw<{ id: string }[]>`
    SELECT id FROM attempt
    WHERE ${ofAttempt(Prisma.sql`id`, attemptId)} ${after === undefined ? Prisma.empty : Prisma.sql`AND id > ${after}::uuid`}
    ORDER BY id LIMIT ${limit}`;
  return rows.map((row) => row.id);
}
