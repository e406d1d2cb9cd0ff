import type { Queryable } from '../database.js';
import { joinBytes, type CheckedPage } from './store-page.js';
import type { SessionFence } from '../session.js';

export interface LivePage {
  session: SessionFence;
  page: CheckedPage;
}

export interface StoredLivePage {
  executionId: string;
  attemptId: string;
  lastOfEnded: boolean;
}

/**
 * Stores pages of many executions and sessions in one statement, each under the conditions of `storePages`, except the
 * first page of a new epoch. It never waits: an execution that another transaction has locked is passed over, so that
 * it can neither delay the others' pages nor deadlock.
 * @param pages of different executions
 * @returns the pages that were stored; `storePages` tells why another one was not
 */
export async function storeLivePages(db: Queryable, pages: readonly LivePage[]): Promise<StoredLivePage[]> {
  const column = <T>(value: (item: LivePage) => T) => pages.map(value);
  const { bytes, positions } = joinBytes(column(({ page }) => page));
  return db.$queryRaw`
    WITH sent AS (
      SELECT * FROM unnest(
        ${column(({ page }) => page.executionId)}::uuid[], ${column(({ session }) => session.nodeId)}::uuid[],
        ${column(({ session }) => session.fence)}::bigint[], ${column(({ page }) => page.logEpoch)}::int[],
        ${column(({ page }) => page.firstSeq)}::int[], ${column(({ page }) => page.lastSeq)}::int[],
        ${column(({ page }) => page.content.lineCounts.stdout)}::int[],
        ${column(({ page }) => page.content.lineCounts.stderr)}::int[],
        ${column(({ page }) => page.content.lineCounts.system)}::int[],
        ${column(({ page }) => page.content.rawBytes)}::int[],
        ${positions}::int[], ${column(({ page }) => page.gzip.length)}::int[]
      ) AS page (execution_id, node_id, fence, epoch, first_seq, last_seq, stdout, stderr, system, raw_bytes, position, bytes)
    ), locked AS (
      SELECT sent.* FROM sent JOIN execution e ON e.id = sent.execution_id AND e.node_id = sent.node_id
      WHERE e.log_epoch = sent.epoch AND e.stored_epoch = sent.epoch AND e.stored_lines = sent.first_seq - 1
        AND (e.status = 'running' OR sent.last_seq <= e.declared_lines)
        AND EXISTS (SELECT FROM node_lease l WHERE l.node_id = sent.node_id AND l.fence = sent.fence)
      FOR NO KEY UPDATE OF e SKIP LOCKED
    ), moved AS (
      UPDATE execution e SET
        stored_lines = locked.last_seq, declared_lines = GREATEST(e.declared_lines, locked.last_seq),
        stdout_lines = e.stdout_lines + locked.stdout, stderr_lines = e.stderr_lines + locked.stderr,
        system_lines = e.system_lines + locked.system
      FROM locked
      WHERE e.id = locked.execution_id
      RETURNING locked.*, e.attempt_id, e.status <> 'running' AND e.stored_lines = e.declared_lines AS last_of_ended
    ), page AS (
      INSERT INTO log_page (execution_id, log_epoch, first_seq, last_seq, stdout_lines, stderr_lines, system_lines, raw_bytes, gzip)
      SELECT execution_id, epoch, first_seq, last_seq, stdout, stderr, system, raw_bytes,
             substr(${bytes}::bytea, position, bytes)
      FROM moved
    )
    SELECT execution_id AS "executionId", attempt_id AS "attemptId", last_of_ended AS "lastOfEnded" FROM moved`;
}
