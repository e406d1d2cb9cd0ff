/** What readers of logs ask the database: which lines there are, and the pages that contain them. */
import { Prisma, type Queryable } from '../database.js';
import type { SyncState } from '../generated/client.js';
import type { OrganizationScope } from '../organization-scope.js';
import type { NumberedPage, OutputType } from '../../protocol/page.js';

/** An execution as a reader of its log sees it. */
export interface LogExecution {
  id: string;
  ordinal: number;
  storedEpoch: number;
  storedLines: number;
  /** More lines may come. */
  unfinished: boolean;
  isSetAside: boolean;
  /** Stored lines of the requested output type; all of them if none was requested. */
  matchingLines: number;
}

/** Condition on a row `e` of execution: more lines may come. An execution that is gone from its node gets none. */
export const UNFINISHED = Prisma.sql`
  NOT e.gone_from_node
  AND (e.status = 'running' OR e.stored_epoch <> e.log_epoch OR e.stored_lines < e.declared_lines)`;

export const LINES_OF: Record<OutputType, Prisma.Sql> = {
  stdout: Prisma.sql`stdout_lines`,
  stderr: Prisma.sql`stderr_lines`,
  system: Prisma.sql`system_lines`,
};

const matchingLines = (outputType: OutputType | undefined) =>
  outputType ? LINES_OF[outputType] : Prisma.sql`stored_lines`;

export interface LogFilter {
  executionId?: string | undefined;
  outputType?: OutputType | undefined;
}

export interface LogTotals {
  state: SyncState;
  /** Stored lines under the filter, from counters. */
  lines: bigint;
  unfinished: boolean;
  /** Executions under the filter. */
  executions: number;
}

/** @returns undefined if the organisation has no such attempt */
export async function findLogTotals(
  scope: OrganizationScope,
  attemptId: string,
  { executionId, outputType }: LogFilter,
): Promise<LogTotals | undefined> {
  const [totals] = await scope.query<LogTotals>(Prisma.sql`
    SELECT s.state, coalesce(sum(e.${matchingLines(outputType)}), 0) AS lines,
           coalesce(bool_or(${UNFINISHED}), false) AS unfinished, count(e.id)::int AS executions
    FROM attempt a
    JOIN attempt_sync s ON s.attempt_id = a.id
    LEFT JOIN execution e ON e.attempt_id = a.id ${executionCondition(executionId)}
    WHERE a.id = ${attemptId}::uuid AND a.organization_id = ${scope.organizationId}::uuid
    GROUP BY s.state`);
  return totals;
}

const executionCondition = (executionId: string | undefined) =>
  executionId === undefined ? Prisma.empty : Prisma.sql`AND e.id = ${executionId}::uuid`;

export interface ForwardRange {
  /** Executions after this ordinal... */
  afterOrdinal: number;
  /** ...and these... */
  ordinals: number[];
  /** ...and, if true, all of which more lines may come. */
  unfinished: boolean;
  limit: number;
}

/** The executions whose lines come next, in their order. */
export async function listLogExecutions(
  scope: OrganizationScope,
  attemptId: string,
  filter: LogFilter,
  { afterOrdinal, ordinals, unfinished, limit }: ForwardRange,
): Promise<LogExecution[]> {
  return scope.query(Prisma.sql`
    ${logExecutions(scope, attemptId, filter)}
      AND (e.ordinal > ${afterOrdinal} OR e.ordinal = ANY (${ordinals}::int[]) OR (${unfinished} AND ${UNFINISHED}))
    ORDER BY e.ordinal LIMIT ${limit}`);
}

/** The executions with lines, up to an ordinal, the last one first. */
export async function listLogExecutionsBackward(
  scope: OrganizationScope,
  attemptId: string,
  filter: LogFilter,
  { throughOrdinal, limit }: { throughOrdinal: number; limit: number },
): Promise<LogExecution[]> {
  return scope.query(Prisma.sql`
    ${logExecutions(scope, attemptId, filter)} AND e.ordinal <= ${throughOrdinal} AND e.stored_lines > 0
    ORDER BY e.ordinal DESC LIMIT ${limit}`);
}

function logExecutions(scope: OrganizationScope, attemptId: string, { executionId, outputType }: LogFilter) {
  return Prisma.sql`
    SELECT e.id, e.ordinal, e.stored_epoch AS "storedEpoch", e.stored_lines AS "storedLines", ${UNFINISHED} AS unfinished,
           e.set_aside_reason IS NOT NULL AS "isSetAside", e.${matchingLines(outputType)} AS "matchingLines"
    FROM execution e JOIN attempt a ON a.id = e.attempt_id
    WHERE e.attempt_id = ${attemptId}::uuid AND a.organization_id = ${scope.organizationId}::uuid
      ${executionCondition(executionId)}`;
}

export interface PageRange {
  executionId: string;
  epoch: number;
  /** The lines that are wanted, both inclusive. */
  fromSeq: number;
  toSeq: number;
  direction: 'forward' | 'backward';
  /** Pages without such lines are skipped. */
  outputType?: OutputType | undefined;
  /** Maximum size of the pages in one answer, unzipped; one page is always in it. @default 1 MiB */
  rawBytes?: number;
}

const BATCH_RAW_BYTES = 1024 * 1024;
const BATCH_PAGES = 256;
/** Maximum number of rows looked at for one answer if most of them are skipped. */
const SCAN_PAGES = 4096;

/**
 * Reads the next pages that overlap a range, in the direction's order.
 * @returns the pages, and how far the range has been looked at (inclusive); undefined if no page contains the range's
 * first line: the execution's pages were replaced, or are damaged
 */
export async function readLogPages(
  scope: OrganizationScope,
  range: PageRange,
): Promise<{ pages: NumberedPage[]; scannedTo: number } | undefined> {
  const forward = range.direction === 'forward';
  const order = forward ? Prisma.sql`first_seq` : Prisma.sql`first_seq DESC`;
  const wanted = forward ? range.fromSeq : range.toSeq;
  const ofLog = Prisma.sql`execution_id = ${range.executionId}::uuid AND log_epoch = ${range.epoch}`;
  const span = Prisma.sql`
    first_seq >= (
      SELECT first_seq FROM log_page WHERE ${ofLog} AND first_seq <= ${range.fromSeq} ORDER BY first_seq DESC LIMIT 1
    ) AND first_seq <= ${range.toSeq}`;
  const matching = range.outputType ? Prisma.sql`WHERE ${LINES_OF[range.outputType]} > 0` : Prisma.empty;
  const rows = await scope.query<ScannedRow>(Prisma.sql`
    WITH scan AS (
      SELECT * FROM log_page
      WHERE ${ofLog} AND ${span} AND EXISTS (
        SELECT 1 FROM execution e JOIN attempt a ON a.id = e.attempt_id
        WHERE e.id = ${range.executionId}::uuid AND a.organization_id = ${scope.organizationId}::uuid)
      ORDER BY ${order} LIMIT ${range.outputType ? SCAN_PAGES : BATCH_PAGES}
    ), sized AS (
      SELECT first_seq, last_seq, gzip, sum(raw_bytes) OVER (ORDER BY ${order}) - raw_bytes AS bytes_before
      FROM scan ${matching} ORDER BY ${order} LIMIT ${BATCH_PAGES}
    )
    SELECT scanned.*, page.first_seq AS "firstSeq", page.last_seq AS "lastSeq",
      encode(page.gzip, 'base64') AS gzip
    FROM (SELECT min(first_seq) AS "scannedFirst", max(last_seq) AS "scannedLast" FROM scan) scanned
    LEFT JOIN sized page ON page.bytes_before < ${range.rawBytes ?? BATCH_RAW_BYTES}
    ORDER BY ${order}`);
  return toBatch(rows, wanted, forward);
}

interface ScannedRow {
  scannedFirst: number | null;
  scannedLast: number | null;
  firstSeq: number | null;
  lastSeq: number | null;
  /** In base64, which takes half the time and memory that the driver's hexadecimal form does. */
  gzip: string | null;
}

function toBatch(rows: ScannedRow[], wanted: number, forward: boolean) {
  const { scannedFirst: first = null, scannedLast: last = null } = rows[0] ?? {};
  if (first === null || last === null || first > wanted || last < wanted) return undefined;
  const pages = rows.flatMap(({ firstSeq, lastSeq, gzip }) =>
    firstSeq === null || lastSeq === null || gzip === null
      ? []
      : [{ gzip: Buffer.from(gzip, 'base64'), firstSeq, lastSeq }],
  );
  return { pages, scannedTo: forward ? last : first };
}

/** `fingerprint` changes when a follower has something to read, or its log has ended. */
export interface FollowedLog {
  attemptId: string;
  fingerprint: string;
}

/** For attempts that their followers are already known to be allowed to read; one query for all of a process. */
export async function listFollowedLogs(db: Queryable, attemptIds: string[]): Promise<FollowedLog[]> {
  return db.$queryRaw`
    SELECT s.attempt_id AS "attemptId", concat_ws('/', s.state, count(e.id), sum(e.stored_lines), sum(e.stored_epoch),
                                   count(e.id) FILTER (WHERE ${UNFINISHED})) AS fingerprint
    FROM attempt_sync s LEFT JOIN execution e ON e.attempt_id = s.attempt_id
    WHERE s.attempt_id = ANY (${attemptIds}::uuid[])
    GROUP BY s.attempt_id`;
}
