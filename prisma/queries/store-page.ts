import type { OutputType, PageContent } from '../../protocol/page.js';
import { Prisma, type Queryable } from '../database.js';
import { isCurrentSession, type SessionFence } from '../session.js';
import { STORED_LINES, STORED_LINES_OF } from './stored-lines.js';

export interface CheckedPage {
  executionId: string;
  logEpoch: number;
  firstSeq: number;
  lastSeq: number;
  /** Stored as it came. */
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
 * Joins the bytes of several pages to one value, because an array of bytea would travel as hexadecimal text.
 * @returns the bytes, and where each page begins in them, counted from 1 as substr does
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
 * Stores one page, as {@link storePages} does, but waits for no other transaction.
 * @throws an error that isLocked recognises, if another transaction has the execution
 */
export function storePageIfFree(db: Queryable, session: SessionFence, page: CheckedPage): Promise<StoreResult> {
  const isFree = Prisma.sql`(SELECT true FROM execution WHERE id = ${page.executionId}::uuid FOR NO KEY UPDATE NOWAIT)`;
  return storeIf(isFree, db, session, [page]);
}

/**
 * Stores pages and moves the execution's mark in one statement, if the first page is the next one of the node's present
 * epoch, the session is the node's current one, and an execution that has ended declares that many lines. Otherwise
 * nothing is written. The first page of a new epoch replaces the pages of the old one.
 * @param pages of one execution and epoch, each beginning where the one before it ends
 */
export function storePages(
  db: Queryable,
  session: SessionFence,
  pages: readonly [CheckedPage, ...CheckedPage[]],
): Promise<StoreResult> {
  return storeIf(Prisma.sql`true`, db, session, pages);
}

async function storeIf(
  condition: Prisma.Sql,
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
      UPDATE execution e SET
        stored_lines = ${lastSeq}::int, stored_epoch = e.log_epoch,
        declared_lines = GREATEST(e.declared_lines, ${lastSeq}::int),
        stdout_lines = ${stdout}::int + ${STORED_LINES_OF.stdout},
        stderr_lines = ${stderr}::int + ${STORED_LINES_OF.stderr},
        system_lines = ${system}::int + ${STORED_LINES_OF.system},
        replaced_at = CASE WHEN e.stored_epoch = e.log_epoch THEN e.replaced_at ELSE now() END
      WHERE e.id = ${executionId}::uuid AND e.node_id = ${session.nodeId}::uuid AND e.log_epoch = ${logEpoch}
        AND ${STORED_LINES} = ${firstSeq}::int - 1
        AND (e.status = 'running' OR ${lastSeq} <= e.declared_lines)
        AND ${isCurrentSession(session)} AND ${condition}
      RETURNING e.id, e.attempt_id, e.status <> 'running' AND e.stored_lines = e.declared_lines AS last_of_ended
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
    { isCurrent: boolean; logEpoch: number | null; storedThrough: number; beyondEnd: boolean }[]
  >`
    SELECT ${isCurrentSession(session)} AS "isCurrent", e.log_epoch AS "logEpoch", ${STORED_LINES} AS "storedThrough",
           COALESCE(e.status <> 'running' AND ${page.lastSeq} > e.declared_lines, false) AS "beyondEnd"
    FROM (SELECT 1) AS one LEFT JOIN execution e ON e.id = ${page.executionId}::uuid AND e.node_id = ${session.nodeId}::uuid`;
  if (!row?.isCurrent) return { code: 'superseded' as const, storedThrough: 0, logEpoch: page.logEpoch };
  if (row.logEpoch === null) return { code: 'unknown_execution' as const, storedThrough: 0, logEpoch: page.logEpoch };
  const { storedThrough, logEpoch } = row;
  const announceAgain = logEpoch !== page.logEpoch || row.beyondEnd;
  return { code: announceAgain ? ('epoch' as const) : ('gap' as const), storedThrough, logEpoch };
}
