/** An execution's stored lines, which version 1's ingest compares and extends. */
import type { ExecutionSync } from '../../../protocol/frames.js';
import { readPage, type LogLine, type NumberedPage } from '../../../protocol/page.js';
import { toTimestamp } from '../../../protocol/time.js';
import type { Queryable } from '../../database.js';
import { STORED_LINES } from '../stored-lines.js';

export interface StoredLog {
  executionId: string;
  attemptId: string;
  hasEnded: boolean;
  epoch: number;
  storedLines: number;
  /** Lines may be missing that the node does not push again. */
  hasGap: boolean;
  /** How many of the stored lines the node has pushed. */
  liveCursor: number;
  liveLostLine: string | null;
}

/** @returns undefined if the node has no such execution */
export async function findStoredLog(
  db: Queryable,
  nodeId: string,
  executionId: string,
): Promise<StoredLog | undefined> {
  const [log] = await db.$queryRaw<StoredLog[]>`
    SELECT e.id AS "executionId", e.attempt_id AS "attemptId", e.status <> 'running' AS "hasEnded",
           e.log_epoch AS epoch, ${STORED_LINES} AS "storedLines", e.has_gap AS "hasGap", e.live_cursor AS "liveCursor", e.live_lost_line AS "liveLostLine"
    FROM execution e WHERE e.id = ${executionId}::uuid AND e.node_id = ${nodeId}::uuid`;
  return log;
}

/** @returns whether the node has dropped the execution: no backfill lists it, so its lines are pushed or never come */
export async function isDropped(db: Queryable, { executionId }: StoredLog): Promise<boolean> {
  const [row] = await db.$queryRaw<{ metadata: string }[]>`
    SELECT metadata::text AS metadata FROM execution WHERE id = ${executionId}::uuid`;
  return row !== undefined && (JSON.parse(row.metadata) as ExecutionSync).dropped;
}

const PAGES_AT_ONCE = 16;

/** Reads the stored lines after line `after`, each as its page has it, one page at a time. */
export async function* readStoredLines(
  db: Queryable,
  { executionId, epoch }: StoredLog,
  after: number,
): AsyncGenerator<string[]> {
  for (let seen = after; ;) {
    const pages = await db.$queryRaw<NumberedPage[]>`
      SELECT first_seq AS "firstSeq", last_seq AS "lastSeq", gzip FROM log_page
      WHERE execution_id = ${executionId}::uuid AND log_epoch = ${epoch} AND last_seq > ${seen}
      ORDER BY first_seq LIMIT ${PAGES_AT_ONCE}`;
    for (const page of pages) {
      const lines = await readPage(page, { fromSeq: seen + 1, toSeq: page.lastSeq });
      yield lines.map(({ json }) => json);
      seen = page.lastSeq;
    }
    if (pages.length < PAGES_AT_ONCE) return;
  }
}

/** @returns the time of the last stored line, in ms since 1970; undefined if no line is stored */
export async function readLastTime(
  db: Queryable,
  { executionId, epoch }: Pick<StoredLog, 'executionId' | 'epoch'>,
): Promise<number | undefined> {
  const [page] = await db.$queryRaw<NumberedPage[]>`
    SELECT first_seq AS "firstSeq", last_seq AS "lastSeq", gzip FROM log_page
    WHERE execution_id = ${executionId}::uuid AND log_epoch = ${epoch} ORDER BY first_seq DESC LIMIT 1`;
  const [last] = page ? await readPage(page, { fromSeq: page.lastSeq, toSeq: page.lastSeq }) : [];
  return last && Date.parse(toTimestamp((JSON.parse(last.json) as LogLine).timestamp));
}
