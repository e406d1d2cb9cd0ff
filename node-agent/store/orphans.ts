import { raiseRevision } from './attempts.js';
import type { LogLine } from '../../protocol/page.js';
import { getExecution, runningExecutions } from './executions.js';
import { sealRest } from './append-lines.js';
import { readLines } from './read-lines.js';
import type { Store } from './open.js';
import { processStart } from './process-identity.js';
import { END_ORPHAN } from './sql.js';

/**
 * Marks running executions as killed if their recorder is gone, each in a transaction of its own.
 * @returns the ids of those marked
 */
export function endOrphans(store: Store): string[] {
  const orphans = runningExecutions(store).filter((row) => processStart(row.recorder_pid) !== row.recorder_started);
  return orphans.filter(({ key }) => store.write(() => endOrphan(store, key))).map(({ id }) => id);
}

/** @returns whether it was still running */
function endOrphan(store: Store, key: number): boolean {
  const row = getExecution(store, key);
  if (row?.status !== 'running') return false;
  const [last] = readLines(store, key, row.log_lines - 1, row.log_lines, { lines: 1, rawBytes: 0 })?.lines ?? [];
  const lastLineAt = last === undefined ? row.started_at : (JSON.parse(last) as LogLine).timestamp;
  const revision = raiseRevision(store, row.attempt_key);
  store.prepare(END_ORPHAN).run({ key, revision, last_line_at: lastLineAt });
  sealRest(store, key, row.log_lines);
  return true;
}
