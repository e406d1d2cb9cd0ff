/** Storing the pages that the hive makes of a version 1 node's lines. */
import type { PageContent } from '../../../protocol/page.js';
import type { Database, Queryable } from '../../database.js';
import { isCurrentSession, lockSession, SupersededError, type SessionFence } from '../../session.js';
import { STORED_LINES, STORED_LINES_OF } from '../stored-lines.js';
import { listDeletedAttempts } from '../deleted-attempts.js';
import { lockAttempts } from '../attempt-state.js';
import type { StoredLog } from './stored-log.js';

export interface MadePage {
  firstSeq: number;
  lastSeq: number;
  gzip: Buffer;
  content: PageContent;
}

/**
 * Appends pages, all or none, and moves the mark with each, if the first line is the next one. It may be repeated with
 * the same pages if it is unknown whether it was committed: pages that are stored already are not stored again.
 * @param pushed whether the node has pushed these lines, so that the live cursor moves with the mark
 * Those of an attempt that is deleted meanwhile are dropped.
 * @throws SupersededError also if the mark is elsewhere, because only another session can have moved it
 */
export async function appendPages(
  db: Database,
  session: SessionFence,
  log: StoredLog,
  pages: MadePage[],
  pushed: boolean,
): Promise<void> {
  await db.$transaction(
    async (tx) => {
      for (const page of pages) {
        if (await appendPage(tx, session, log, page, pushed)) continue;
        if (page === pages[0] && (await areStored(tx, session, log, pages))) return;
        if (await isDeleted(tx, log)) return; // just now
        throw new SupersededError(session.nodeId);
      }
    },
    { answerMs: 60_000 },
  );
}

/** @returns whether an earlier try has stored the pages: the last of them stands there, byte by byte */
async function areStored(tx: Queryable, session: SessionFence, log: StoredLog, pages: MadePage[]): Promise<boolean> {
  const last = pages.at(-1);
  const found = await tx.$queryRaw<unknown[]>`
    SELECT FROM execution e
    WHERE e.id = ${log.executionId}::uuid AND e.node_id = ${session.nodeId}::uuid AND e.log_epoch = ${log.epoch}
      AND ${STORED_LINES} >= ${last?.lastSeq ?? 0}::int AND ${isCurrentSession(session)}
      AND (${last === undefined}::boolean OR EXISTS (
        SELECT FROM log_page p WHERE p.execution_id = e.id AND p.log_epoch = e.log_epoch
          AND p.first_seq = ${last?.firstSeq ?? 0}::int AND p.gzip = ${last?.gzip ?? null}::bytea))`;
  return found.length === 1;
}

async function isDeleted(tx: Queryable, { attemptId }: StoredLog): Promise<boolean> {
  return (await listDeletedAttempts(tx, [attemptId])).size > 0;
}

/** @returns whether the page was appended; false if the mark is not right before it, or the session is over */
async function appendPage(
  tx: Queryable,
  session: SessionFence,
  log: StoredLog,
  page: MadePage,
  pushed: boolean,
): Promise<boolean> {
  const { firstSeq, lastSeq } = page;
  const { stdout, stderr, system } = page.content.lineCounts;
  const moved = await tx.$executeRaw`
    WITH moved AS (
      UPDATE execution e SET stored_lines = ${lastSeq}::int, stored_epoch = e.log_epoch,
        declared_lines = GREATEST(e.declared_lines, ${lastSeq}::int),
        stdout_lines = ${stdout}::int + ${STORED_LINES_OF.stdout},
        stderr_lines = ${stderr}::int + ${STORED_LINES_OF.stderr},
        system_lines = ${system}::int + ${STORED_LINES_OF.system},
        live_cursor = CASE WHEN ${pushed}::boolean THEN ${lastSeq}::int ELSE e.live_cursor END
      WHERE e.id = ${log.executionId}::uuid AND e.node_id = ${session.nodeId}::uuid AND e.log_epoch = ${log.epoch}
        AND ${STORED_LINES} = ${firstSeq}::int - 1 AND ${isCurrentSession(session)}
      RETURNING e.id
    ), replaced AS (
      DELETE FROM log_page USING moved
      WHERE ${firstSeq}::int = 1 AND log_page.execution_id = moved.id AND log_page.log_epoch <> ${log.epoch}
    )
    INSERT INTO log_page (execution_id, log_epoch, first_seq, last_seq, stdout_lines, stderr_lines, system_lines, raw_bytes, gzip)
    SELECT id, ${log.epoch}::int, ${firstSeq}::int, ${lastSeq}::int, ${stdout}::int, ${stderr}::int, ${system}::int,
           ${page.content.rawBytes}::int, ${page.gzip}::bytea
    FROM moved`;
  return moved === 1;
}

/**
 * Replaces an execution's whole log, under the next epoch, in one transaction: readers see either the old log or the
 * new one. Lines that the node pushes afterwards are looked for from the start. It may be repeated, as
 * {@link appendPages} may.
 * @throws SupersededError
 */
export async function replaceLog(
  db: Database,
  session: SessionFence,
  log: StoredLog,
  pages: MadePage[],
): Promise<void> {
  const epoch = log.epoch + 1;
  await db.$transaction(
    async (tx) => {
      await lockAttempts(tx, [log.attemptId]);
      await lockSession(tx, session);
      const replaced = await tx.$executeRaw`
        UPDATE execution SET log_epoch = ${epoch}, declared_lines = 0, live_cursor = 0, replaced_at = now()
        WHERE id = ${log.executionId}::uuid AND node_id = ${session.nodeId}::uuid AND log_epoch = ${log.epoch}`;
      if (replaced === 0 && (await areStored(tx, session, { ...log, epoch }, pages))) return;
      if (replaced === 0 && (await isDeleted(tx, log))) return;
      if (replaced === 1) {
        // a hive that died may have left pages of a log that it was staging
        await tx.$executeRaw`DELETE FROM log_page WHERE execution_id = ${log.executionId}::uuid AND log_epoch = ${epoch}`;
      }
      for (const page of pages) {
        if (!(await appendPage(tx, session, { ...log, epoch }, page, false))) throw new SupersededError(session.nodeId);
      }
    },
    { answerMs: 120_000 },
  );
}

/** Stores up to where the stored lines are known to have been pushed: no pushed line is being looked for any more. */
export async function moveLiveCursor(
  db: Queryable,
  session: SessionFence,
  { executionId, epoch }: StoredLog,
  cursor: number,
): Promise<void> {
  await db.$executeRaw`
    UPDATE execution SET live_cursor = ${cursor}, live_lost_line = NULL
    WHERE id = ${executionId}::uuid AND node_id = ${session.nodeId}::uuid AND log_epoch = ${epoch}
      AND ${isCurrentSession(session)}`;
}
