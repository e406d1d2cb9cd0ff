/** What reading logs needs of the database: which lines there are, and the pages that hold them. */
import { Prisma, type Queryable } from '../database.js';
import type { SyncState } from '../generated/client.js';
import type { OrganizationScope } from '../organization-scope.js';
import type { NumberedPage, OutputType } from '../../protocol/page.js';

/** An execution as a reader of its log sees it. */
export interface LogExecution {
  id: string;
  ordinal: number;
  stored_epoch: number;
  stored_lines: number;
  /** More lines may come. */
  unfinished: boolean;
  set_aside: boolean;
  /** Lines of the asked output type; all stored ones where none was asked for. */
  matching_lines: number;
}

/** Tables `e`: more lines may come. An execution that its node lost gets none. */
const UNFINISHED = Prisma.sql`
  NOT e.gone_from_node
  AND (e.status = 'running' OR e.stored_epoch <> e.log_epoch OR e.stored_lines < e.declared_lines)`;

const LINES_OF: Record<OutputType, Prisma.Sql> = {
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

/** Undefined: the organisation has no such attempt. */
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
  /** ...and, if so, all of which more lines may come. */
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

/** The executions with lines up to an ordinal, the last one first. */
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
    SELECT e.id, e.ordinal, e.stored_epoch, e.stored_lines, ${UNFINISHED} AS unfinished,
           e.set_aside_reason IS NOT NULL AS set_aside, e.${matchingLines(outputType)} AS matching_lines
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
  /** Pages without such lines are passed over. */
  outputType?: OutputType | undefined;
}

/** Gunzipped size of the pages of one answer; at least one page. */
const BATCH_RAW_BYTES = 1024 * 1024;
const BATCH_PAGES = 256;
/** Rows looked at for one answer when most of them are passed over. */
const SCAN_PAGES = 4096;

/**
 * The next pages that overlap a range, in the direction's order, and how far the range has been looked at (inclusive).
 * Undefined: no page holds the range's first line, so the execution's pages were replaced, or are damaged.
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
    SELECT scanned.*, page.first_seq, page.last_seq, page.gzip
    FROM (SELECT min(first_seq) AS scanned_first, max(last_seq) AS scanned_last FROM scan) scanned
    LEFT JOIN sized page ON page.bytes_before < ${BATCH_RAW_BYTES}
    ORDER BY ${order}`);
  return toBatch(rows, wanted, forward);
}

interface ScannedRow {
  scanned_first: number | null;
  scanned_last: number | null;
  first_seq: number | null;
  last_seq: number | null;
  gzip: Uint8Array | null;
}

function toBatch(rows: ScannedRow[], wanted: number, forward: boolean) {
  const { scanned_first: first = null, scanned_last: last = null } = rows[0] ?? {};
  if (first === null || last === null || first > wanted || last < wanted) return undefined;
  const pages = rows.flatMap(({ first_seq: firstSeq, last_seq: lastSeq, gzip }) =>
    firstSeq === null || lastSeq === null || gzip === null ? [] : [{ gzip: toBuffer(gzip), firstSeq, lastSeq }],
  );
  return { pages, scannedTo: forward ? last : first };
}

const toBuffer = (gzip: Uint8Array) => Buffer.from(gzip.buffer, gzip.byteOffset, gzip.byteLength);

/** What changes when a follower has something to read, or its log has ended. */
export interface FollowedLog {
  attempt_id: string;
  fingerprint: string;
}

/** Of attempts that their followers were allowed to read already; one query for all of a process. */
export async function listFollowedLogs(db: Queryable, attemptIds: string[]): Promise<FollowedLog[]> {
  return db.$queryRaw`
    SELECT s.attempt_id, concat_ws('/', s.state, count(e.id), sum(e.stored_lines), sum(e.stored_epoch),
                                   count(e.id) FILTER (WHERE ${UNFINISHED})) AS fingerprint
    FROM attempt_sync s LEFT JOIN execution e ON e.attempt_id = s.attempt_id
    WHERE s.attempt_id = ANY (${attemptIds}::uuid[])
    GROUP BY s.attempt_id`;
}
