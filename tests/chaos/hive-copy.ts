/** What the hive has stored, read without its API, and the rules that its tables must keep. */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { Prisma, type Database } from '../../prisma/database.js';

const gunzipAsync = promisify(gunzip);

/** @returns the stored lines of an execution, encoded as in its pages */
export async function storedLines(database: Database, executionId: string): Promise<string[]> {
  const pages = await database.logPage.findMany({
    where: { executionId },
    orderBy: [{ logEpoch: 'asc' }, { firstSeq: 'asc' }],
    select: { gzip: true },
  });
  const lines: string[] = [];
  for (const { gzip } of pages) {
    const text = (await gunzipAsync(gzip)).toString('utf8');
    for (const line of text.split('\n')) if (line !== '') lines.push(line);
  }
  return lines;
}

const RULES: Record<string, string> = {
  'pages overlap, leave a gap, or are of two epochs': `
    SELECT p.execution_id FROM (
      SELECT execution_id, first_seq, log_epoch,
             lag(last_seq, 1, 0) OVER (PARTITION BY execution_id ORDER BY first_seq, log_epoch) AS before
      FROM log_page
    ) p JOIN execution e ON e.id = p.execution_id
    WHERE p.first_seq <> p.before + 1 OR p.log_epoch <> e.stored_epoch`,
  'stored_lines is not where the last page ends': `
    SELECT e.id FROM execution e LEFT JOIN log_page p ON p.execution_id = e.id
    GROUP BY e.id HAVING e.stored_lines <> COALESCE(max(p.last_seq), 0)`,
  "an execution's line counts differ from those of its pages": `
    SELECT e.id FROM execution e LEFT JOIN log_page p ON p.execution_id = e.id GROUP BY e.id
    HAVING e.stdout_lines <> COALESCE(sum(p.stdout_lines), 0) OR e.stderr_lines <> COALESCE(sum(p.stderr_lines), 0)
      OR e.system_lines <> COALESCE(sum(p.system_lines), 0)
      OR e.stdout_lines + e.stderr_lines + e.system_lines <> e.stored_lines`,
  'an attempt has no sync row, or a different node from its execution': `
    SELECT a.id FROM attempt a LEFT JOIN attempt_sync s ON s.attempt_id = a.id LEFT JOIN execution e ON e.attempt_id = a.id
    WHERE s.attempt_id IS NULL OR s.node_id <> a.node_id OR e.node_id <> a.node_id`,
  'two executions of an attempt share a place': `
    SELECT attempt_id FROM execution GROUP BY attempt_id, ordinal HAVING count(*) > 1`,
  'a complete attempt lacks lines, or has a running execution': `
    SELECT s.attempt_id FROM attempt_sync s JOIN execution e ON e.attempt_id = s.attempt_id
    WHERE s.state = 'complete' AND NOT e.gone_from_node
      AND (e.status = 'running' OR e.stored_lines <> e.declared_lines OR e.stored_epoch <> e.log_epoch)`,
  'an attempt is pending although no backfill is running': `
    SELECT attempt_id FROM attempt_sync WHERE state = 'pending_backfill'`,
  'a complete attempt still needs a backfill, or has a run or a retry time': `
    SELECT attempt_id FROM attempt_sync WHERE state = 'complete' AND (needs_backfill OR run_id IS NOT NULL OR retry_at IS NOT NULL)`,
};

/** @returns each broken rule with the ids that break it */
export async function brokenRules(database: Database): Promise<string[]> {
  const broken: string[] = [];
  for (const [rule, sql] of Object.entries(RULES)) {
    const rows = await database.$queryRaw<Record<string, string>[]>(Prisma.raw(sql));
    const ids = new Set(rows.flatMap((row) => Object.values(row)));
    if (ids.size > 0) broken.push(`${rule}: ${[...ids].slice(0, 5).join(', ')}`);
  }
  return broken;
}
