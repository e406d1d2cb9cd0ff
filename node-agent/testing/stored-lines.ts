/** For tests: what a store contains, read without the code under test. */
import { gunzipSync } from 'node:zlib';
import type { Database } from '../store/sqlite.js';

/** @returns an execution's lines, encoded as in a page. @throws Error if they are not consecutive from 1 */
export function storedLines(db: Database, executionKey: number): string[] {
  // in one transaction, so that a recorder that seals meanwhile does not hide rows
  return db.transaction('deferred', () => {
    const pages = db
      .prepare<{ first_seq: number; gzip: Uint8Array }>(
        'SELECT first_seq, gzip FROM log_page WHERE execution_key = ? ORDER BY first_seq',
      )
      .all(executionKey);
    const lines: string[] = [];
    for (const { first_seq: firstSeq, gzip } of pages) {
      if (firstSeq !== lines.length + 1) throw new Error(`page ${firstSeq} follows line ${lines.length}`);
      lines.push(...gunzipSync(gzip).toString().split('\n').slice(0, -1));
    }
    const rows = db
      .prepare<{ seq: number; line: string }>('SELECT seq, line FROM log_line WHERE execution_key = ? ORDER BY seq')
      .all(executionKey);
    for (const { seq, line } of rows) if (lines.push(line) !== seq) throw new Error(`line ${seq} is out of place`);
    return lines;
  });
}
