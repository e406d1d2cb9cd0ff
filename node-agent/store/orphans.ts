/** Ends the executions whose recorder is gone, with what it left in its note. */
import { encodeLine, type LogLine } from '../../protocol/page.js';
import { raiseRevision } from './attempts.js';
import { addExecution, endExecution, findExecution, markDropped, runningExecutions } from './executions.js';
import { appendLines, sealRest } from './append-lines.js';
import { readLines } from './read-lines.js';
import type { Store } from './open.js';
import { ownStart, processStart } from './process-identity.js';
import { recorderFiles, RecorderLock } from './recorder-lock.js';
import type { NoteContent } from './recorder-note.js';
import type { ExecutionRow } from './rows.js';
import { END_ORPHAN, RAISE_EPOCH } from './sql.js';

/**
 * Ends running executions whose recorder is gone, each in a transaction of its own. What the recorder could not store
 * is marked as dropped.
 * @param failed called for an execution that can't be ended at the moment; the others are ended all the same
 * @returns the ids of those ended
 */
export function endOrphans(
  store: Store,
  failed: (executionId: string, error: unknown) => void = (_, error) => {
    throw error;
  },
): string[] {
  const running = runningExecutions(store);
  const byPid = running.filter((row) => row.recorder_locks === 0);
  const byLock = new Set([
    ...running.flatMap((row) => (row.recorder_locks === 0 ? [] : [row.id])),
    ...recorderFiles(store.dataDir),
  ]);
  const attempt = (id: string, end: () => boolean): boolean => {
    try {
      return end();
    } catch (error) {
      failed(id, error);
      return false;
    }
  };
  return [
    ...byPid.filter((row) => attempt(row.id, () => isGone(row) && store.write(() => endOrphan(store, row.id)))),
    ...[...byLock].map((id) => ({ id })).filter(({ id }) => attempt(id, () => takeOver(store, id))),
  ].map(({ id }) => id);
}

/** Recorders of earlier versions have no lock. Where this process's own start is unknown, so is anyone else's. */
function isGone(row: ExecutionRow): boolean {
  return ownStart() !== undefined && processStart(row.recorder_pid) !== row.recorder_started;
}

/** @returns whether it was not ended yet */
function takeOver(store: Store, executionId: string): boolean {
  const lock = RecorderLock.takeOver(store.dataDir, executionId);
  if (!lock) return false;
  try {
    const ended = store.write(() => endOrphan(store, executionId, lock.note.read()));
    lock.remove();
    return ended;
  } finally {
    lock.release();
  }
}

/** @returns whether it was not ended yet */
function endOrphan(store: Store, id: string, left?: NoteContent | 'unreadable'): boolean {
  const note = left === 'unreadable' ? undefined : left;
  if (note?.recording && !findExecution(store, id)) {
    addExecution(store, note.recording.attempt, note.recording.execution);
  }
  const row = findExecution(store, id);
  if (row?.status !== 'running') return false;
  const isOutdated = note !== undefined && note.storedLines < row.log_lines;
  const lastLineAt = lastLineTime(store, row);
  // a power cut or a restored backup has taken lines that the recorder had stored
  const gone = Math.max(0, (note?.storedLines ?? 0) - row.log_lines);
  if (left !== undefined && !isOutdated && (note?.lost !== 0 || gone > 0)) {
    const timestamp = note?.end?.completedAt ?? lastLineAt;
    appendLines(store, row.key, row.log_lines, [lossLine(note?.lost ?? null, note?.code, timestamp, gone)]);
    // the hive may have another line in this one's place
    if (gone > 0) startEpoch(store, row);
    markDropped(store, row.key, row.attempt_key);
  }
  if (note?.end && !isOutdated) {
    endExecution(store, row.key, row.attempt_key, note.end);
    return true;
  }
  sealRest(store, row.key, findExecution(store, id)?.log_lines ?? row.log_lines);
  const revision = raiseRevision(store, row.attempt_key);
  store.prepare(END_ORPHAN).run({ key: row.key, revision, last_line_at: lastLineAt });
  return true;
}

function lastLineTime(store: Store, row: ExecutionRow): string {
  const [last] = readLines(store, row.key, row.log_lines - 1, row.log_lines, { lines: 1, rawBytes: 0 })?.lines ?? [];
  return last === undefined ? row.started_at : (JSON.parse(last) as LogLine).timestamp;
}

function startEpoch(store: Store, { key, attempt_key, log_epoch: epoch }: ExecutionRow): void {
  store.prepare(RAISE_EPOCH).run({ key, epoch, revision: raiseRevision(store, attempt_key) });
}

/**
 * The line that stands for lines that were lost.
 * @param lost how many were never stored; null if nobody knows
 * @param gone how many had been stored, and are not there any more
 */
export function lossLine(lost: number | null, code: string | undefined, timestamp: string, gone = 0): string {
  const sum = (lost ?? 0) + gone;
  const lines = sum === 1 ? '1 line is lost here' : `${sum} lines are lost here`;
  const reason = `because the store could not be written (${code ?? 'unknown'})`;
  const wentBack = 'because the store went back to an earlier state';
  const inMemory = `lines may be lost here: the recorder was killed while it kept them in memory, ${reason}`;
  let content = `node-agent: ${lines}, ${reason}`;
  if (lost === null)
    content = gone > 0 ? `node-agent: ${lines}, ${wentBack}; more ${inMemory}` : `node-agent: ${inMemory}`;
  else if (gone > 0) content = `node-agent: ${lines}, ${lost > 0 ? `${reason} and ` : ''}${wentBack}`;
  return encodeLine({ output_type: 'system', content, timestamp });
}
