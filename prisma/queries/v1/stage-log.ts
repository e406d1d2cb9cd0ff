/**
 * Replacing an execution's log by one that is too large to be held: its pages are written under the next epoch, where
 * no reader looks, until one transaction makes them the log.
 */
import { checkPage, encodePage, readPage, type NumberedPage } from '../../../protocol/page.js';
import type { Database, Queryable } from '../../database.js';
import { lockSession, type SessionFence } from '../../session.js';
import { lockAttempts } from '../attempt-state.js';
import type { StoredLog } from './stored-log.js';
import type { MadePage } from './write-log.js';

const ANSWER_MS = 120_000;

/**
 * Removes what an earlier try has left, and begins the new log with the stored lines 1 to `keep`.
 * @throws SupersededError
 */
export async function beginStaging(db: Database, session: SessionFence, log: StoredLog, keep: number): Promise<void> {
  const { executionId, epoch } = log;
  await db.$transaction(
    async (tx) => {
      await lockAttempts(tx, [log.attemptId]);
      await lockSession(tx, session);
      await tx.$queryRaw`SELECT 1 FROM execution WHERE id = ${executionId}::uuid FOR NO KEY UPDATE`; // nobody joins pages
      await discardStaged(tx, log);
      await tx.$executeRaw`
        INSERT INTO log_page (execution_id, log_epoch, first_seq, last_seq, stdout_lines, stderr_lines, system_lines, raw_bytes, gzip)
        SELECT execution_id, ${epoch + 1}::int, first_seq, last_seq, stdout_lines, stderr_lines, system_lines, raw_bytes, gzip
        FROM log_page WHERE execution_id = ${executionId}::uuid AND log_epoch = ${epoch} AND last_seq <= ${keep}`;
      const [cut] = await tx.$queryRaw<NumberedPage[]>`
        SELECT first_seq AS "firstSeq", last_seq AS "lastSeq", gzip FROM log_page
        WHERE execution_id = ${executionId}::uuid AND log_epoch = ${epoch} AND first_seq <= ${keep} AND last_seq > ${keep}`;
      if (cut) await insertPage(tx, log, await cutPage(cut, keep));
    },
    { answerMs: ANSWER_MS },
  );
}

async function cutPage(page: NumberedPage, lastSeq: number): Promise<MadePage> {
  const { firstSeq } = page;
  const lines = await readPage(page, { fromSeq: firstSeq, toSeq: lastSeq });
  const gzip = await encodePage(lines.map(({ json }) => json).join('\n'));
  return { firstSeq, lastSeq, gzip, content: await checkPage(gzip, firstSeq, lastSeq) };
}

/** Adds pages to the new log. Those that an earlier try has added stay as they are. @throws SupersededError */
export async function stagePages(
  db: Database,
  session: SessionFence,
  log: StoredLog,
  pages: readonly MadePage[],
): Promise<void> {
  await db.$transaction(
    async (tx) => {
      await lockSession(tx, session);
      for (const page of pages) await insertPage(tx, log, page);
    },
    { answerMs: ANSWER_MS },
  );
}

async function insertPage(tx: Queryable, { executionId, epoch }: StoredLog, page: MadePage): Promise<void> {
  const { stdout, stderr, system } = page.content.lineCounts;
  await tx.$executeRaw`
    INSERT INTO log_page (execution_id, log_epoch, first_seq, last_seq, stdout_lines, stderr_lines, system_lines, raw_bytes, gzip)
    SELECT e.id, ${epoch + 1}::int, ${page.firstSeq}::int, ${page.lastSeq}::int, ${stdout}::int, ${stderr}::int, ${system}::int,
           ${page.content.rawBytes}::int, ${page.gzip}::bytea
    FROM execution e WHERE e.id = ${executionId}::uuid AND e.log_epoch = ${epoch}
    ON CONFLICT DO NOTHING`;
}

/**
 * Makes the new log the execution's, if all of its lines are there. Lines that the node pushes afterwards are looked for
 * from the start.
 * @returns whether it has `lines` lines now
 * @throws SupersededError
 */
export function finishStaging(db: Database, session: SessionFence, log: StoredLog, lines: number): Promise<boolean> {
  const { executionId, epoch } = log;
  return db.$transaction(
    async (tx) => {
      await lockAttempts(tx, [log.attemptId]);
      await lockSession(tx, session);
      const moved = await tx.$executeRaw`
        UPDATE execution e SET log_epoch = ${epoch + 1}::int, stored_epoch = ${epoch + 1}::int,
          stored_lines = ${lines}::int, declared_lines = ${lines}::int,
          stdout_lines = staged.stdout, stderr_lines = staged.stderr, system_lines = staged.system,
          live_cursor = 0, live_lost_line = NULL, replaced_at = now()
        FROM (
          SELECT sum(last_seq - first_seq + 1)::int AS lines, min(first_seq) AS first, max(last_seq) AS last,
                 sum(stdout_lines)::int AS stdout, sum(stderr_lines)::int AS stderr, sum(system_lines)::int AS system
          FROM log_page WHERE execution_id = ${executionId}::uuid AND log_epoch = ${epoch + 1}::int
        ) staged
        WHERE e.id = ${executionId}::uuid AND e.node_id = ${session.nodeId}::uuid AND e.log_epoch = ${epoch}
          AND staged.lines = ${lines}::int AND staged.first = 1 AND staged.last = ${lines}::int`;
      if (moved === 1) {
        await tx.$executeRaw`
          DELETE FROM log_page WHERE execution_id = ${executionId}::uuid AND log_epoch <> ${epoch + 1}::int`;
        return true;
      }
      // an earlier try may have been committed although its answer was lost
      const [done] = await tx.$queryRaw<unknown[]>`
        SELECT FROM execution WHERE id = ${executionId}::uuid AND node_id = ${session.nodeId}::uuid
          AND log_epoch = ${epoch + 1}::int AND stored_epoch = log_epoch AND stored_lines = ${lines}::int`;
      return done !== undefined;
    },
    { answerMs: ANSWER_MS },
  );
}

/** Removes what has been written of a new log that did not become the execution's. */
export async function discardStaged(db: Queryable, { executionId, epoch }: StoredLog): Promise<void> {
  await db.$executeRaw`
    DELETE FROM log_page p USING execution e
    WHERE e.id = ${executionId}::uuid AND e.log_epoch = ${epoch} AND p.execution_id = e.id AND p.log_epoch = ${epoch + 1}::int`;
}
