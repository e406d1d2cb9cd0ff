/** An execution's stored lines, as version 1's intake compares and extends them. */
import { readPage } from '../../../protocol/page.js';
import type { Queryable } from '../../database.js';

export interface StoredLog {
  executionId: string;
  attemptId: string;
  hasEnded: boolean;
  epoch: number;
  storedLines: number;
  /** Lines that the node has pushed, of those that are stored. */
  liveCursor: number;
  liveLostLine: string | null;
}

/** Undefined: it is no execution of this node. */
export async function findStoredLog(
  db: Queryable,
  nodeId: string,
  executionId: string,
): Promise<StoredLog | undefined> {
  const [log] = await db.$queryRaw<StoredLog[]>`
    SELECT id AS "executionId", attempt_id AS "attemptId", status <> 'running' AS "hasEnded", log_epoch AS epoch,
           CASE WHEN stored_epoch = log_epoch THEN stored_lines ELSE 0 END AS "storedLines", live_cursor AS "liveCursor",
           live_lost_line AS "liveLostLine"
    FROM execution WHERE id = ${executionId}::uuid AND node_id = ${nodeId}::uuid`;
  return log;
}

const PAGES_AT_ONCE = 16;

/** The stored lines after the first `after`, each as it stands in its page, in runs as long as a page. */
export async function* readStoredLines(
  db: Queryable,
  { executionId, epoch }: StoredLog,
  after: number,
): AsyncGenerator<string[]> {
  for (let seen = after; ;) {
    const pages = await db.$queryRaw<{ firstSeq: number; lastSeq: number; gzip: Uint8Array }[]>`
      SELECT first_seq AS "firstSeq", last_seq AS "lastSeq", gzip FROM log_page
      WHERE execution_id = ${executionId}::uuid AND log_epoch = ${epoch} AND last_seq > ${seen}
      ORDER BY first_seq LIMIT ${PAGES_AT_ONCE}`;
    for (const { firstSeq, lastSeq, gzip } of pages) {
      const page = { gzip: Buffer.from(gzip), firstSeq, lastSeq };
      const lines = await readPage(page, { fromSeq: seen + 1, toSeq: lastSeq });
      yield lines.map(({ json }) => json);
      seen = lastSeq;
    }
    if (pages.length < PAGES_AT_ONCE) return;
  }
}
