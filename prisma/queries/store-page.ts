import type { OutputType, PageContent } from '../../protocol/page.js';
import type { Queryable } from '../database.js';
import type { SessionFence } from '../session.js';

export interface CheckedPage {
  executionId: string;
  logEpoch: number;
  firstSeq: number;
  lastSeq: number;
  /** gzip bytes, stored as they came. */
  gzip: Buffer;
  content: PageContent;
}

export type StoreResult =
  | { stored: true; attemptId: string; storedThrough: number; lastOfEnded: boolean }
  | {
      stored: false;
      code: 'superseded' | 'unknown_execution' | 'epoch' | 'gap';
      storedThrough: number;
      logEpoch: number;
    };

/**
 * The bytes of several pages as one value (an array of bytea would travel as hexadecimal text), and where each begins in
 * it, as substr counts.
 */
export function joinBytes(pages: readonly Pick<CheckedPage, 'gzip'>[]): { bytes: Buffer; positions: number[] } {
  let position = 1;
  const positions = pages.map(({ gzip: { length } }) => (position += length) - length);
  const [first, ...rest] = pages;
  return { bytes: first && rest.length === 0 ? first.gzip : Buffer.concat(pages.map(({ gzip }) => gzip)), positions };
}

/** Stores one page, as {@link storePages} does. */
export function storePage(db: Queryable, session: SessionFence, page: CheckedPage): Promise<StoreResult> {
  return storePages(db, session, [page]);
}

/**
 * Stores pages and moves the execution's mark in one statement, if the first page is the next one of the node's present
 * epoch, the session still holds the node, and an ended execution has that many lines. Otherwise nothing is written.
 * The first page of a new epoch replaces the pages of the old one.
 * @param pages of one execution and epoch, each beginning where the one before it ends
 */
export async function storePages(
  db: Queryable,
  session: SessionFence,
  pages: readonly [CheckedPage, ...CheckedPage[]],
): Promise<StoreResult> {
  const { executionId, logEpoch, firstSeq } = pages[0];
  const lastSeq = pages.at(-1)?.lastSeq ?? 0;
  const total = (type: OutputType) => pages.reduce((sum, { content }) => sum + content.lineCounts[type], 0);
  const [stdout, stderr, system] = [total('stdout'), total('stderr'), total('system')];
  const { bytes, positions } = joinBytes(pages);
  const column = (value: (page: CheckedPage) => number) => pages.map(value);
  const [row] = await db.$queryRaw<{ attemptId: string; lastOfEnded: boolean }[]>`
    WITH moved AS (
      UPDATE execution SET
        stored_lines = ${lastSeq}::int, stored_epoch = ${logEpoch}::int,
        declared_lines = GREATEST(declared_lines, ${lastSeq}::int),
        stdout_lines = ${stdout}::int + CASE WHEN stored_epoch = ${logEpoch} THEN stdout_lines ELSE 0 END,
        stderr_lines = ${stderr}::int + CASE WHEN stored_epoch = ${logEpoch} THEN stderr_lines ELSE 0 END,
        system_lines = ${system}::int + CASE WHEN stored_epoch = ${logEpoch} THEN system_lines ELSE 0 END,
        replaced_at = CASE WHEN stored_epoch = ${logEpoch} THEN replaced_at ELSE now() END
      WHERE id = ${executionId}::uuid AND node_id = ${session.nodeId}::uuid AND log_epoch = ${logEpoch}
        AND ((stored_epoch = ${logEpoch} AND stored_lines = ${firstSeq}::int - 1) OR (stored_epoch <> ${logEpoch} AND ${firstSeq}::int = 1))
        AND (status = 'running' OR ${lastSeq} <= declared_lines)
        AND EXISTS (SELECT FROM node_lease WHERE node_id = ${session.nodeId}::uuid AND fence = ${session.fence})
      RETURNING id, attempt_id, status <> 'running' AND stored_lines = declared_lines AS last_of_ended
    ), replaced AS (
      DELETE FROM log_page USING moved
      WHERE ${firstSeq}::int = 1 AND log_page.execution_id = moved.id AND log_page.log_epoch <> ${logEpoch}
    ), page AS (
      INSERT INTO log_page (execution_id, log_epoch, first_seq, last_seq, stdout_lines, stderr_lines, system_lines, raw_bytes, gzip)
      SELECT moved.id, ${logEpoch}::int, page.first_seq, page.last_seq, page.stdout, page.stderr, page.system, page.raw_bytes,
             substr(${bytes}::bytea, page.position, page.bytes)
      FROM moved, unnest(
        ${column((page) => page.firstSeq)}::int[], ${column((page) => page.lastSeq)}::int[],
        ${column(({ content }) => content.lineCounts.stdout)}::int[], ${column(({ content }) => content.lineCounts.stderr)}::int[],
        ${column(({ content }) => content.lineCounts.system)}::int[], ${column(({ content }) => content.rawBytes)}::int[],
        ${positions}::int[], ${column((page) => page.gzip.length)}::int[]
      ) AS page (first_seq, last_seq, stdout, stderr, system, raw_bytes, position, bytes)
    )
    SELECT attempt_id AS "attemptId", last_of_ended AS "lastOfEnded" FROM moved`;
  if (row) return { stored: true, storedThrough: lastSeq, ...row };
  return { stored: false, ...(await explainRefusal(db, session, { ...pages[0], lastSeq })) };
}

async function explainRefusal(
  db: Queryable,
  session: SessionFence,
  page: Pick<CheckedPage, 'executionId' | 'logEpoch' | 'lastSeq'>,
) {
  const [row] = await db.$queryRaw<
    { held: boolean; logEpoch: number | null; storedThrough: number; beyondEnd: boolean }[]
  >`
    SELECT EXISTS (SELECT FROM node_lease WHERE node_id = ${session.nodeId}::uuid AND fence = ${session.fence}) AS held,
           e.log_epoch AS "logEpoch",
           COALESCE(CASE WHEN e.stored_epoch = e.log_epoch THEN e.stored_lines END, 0) AS "storedThrough",
           COALESCE(e.status <> 'running' AND ${page.lastSeq} > e.declared_lines, false) AS "beyondEnd"
    FROM (SELECT 1) AS one LEFT JOIN execution e ON e.id = ${page.executionId}::uuid AND e.node_id = ${session.nodeId}::uuid`;
  if (!row?.held) return { code: 'superseded' as const, storedThrough: 0, logEpoch: page.logEpoch };
  if (row.logEpoch === null) return { code: 'unknown_execution' as const, storedThrough: 0, logEpoch: page.logEpoch };
  const { storedThrough, logEpoch } = row;
  const announceAgain = logEpoch !== page.logEpoch || row.beyondEnd;
  return { code: announceAgain ? ('epoch' as const) : ('gap' as const), storedThrough, logEpoch };
}
