/** Ends the executions whose recorder is gone, with what it left in its spool and its note. */
import type { LogLine } from '../../protocol/page.js';
import { startAbsorbProcess } from '../recorder/absorb-entries.js';
import { SpoolAbsorber } from '../recorder/spool-absorber.js';
import { removeSpool, segmentsOf, setSpoolAside, spoolBytes, type SpoolPosition } from '../recorder/spool-files.js';
import { isHeader } from '../recorder/spool-frames.js';
import { SpoolReader } from '../recorder/spool-reader.js';
import { raiseRevision } from './attempts.js';
import { addExecution, endExecution, findExecution, markDropped, runningExecutions, startEpoch } from './executions.js';
import { NodeAgentError } from '../errors.js';
import { isForgotten } from './forget.js';
import { appendLines, sealRest } from './append-lines.js';
import { lossLine } from './loss-line.js';
import { readLines } from './read-lines.js';
import type { Store } from './open.js';
import { ownStart, processStart } from './process-identity.js';
import { recorderFiles, RecorderLock } from './recorder-lock.js';
import type { NoteContent } from './recorder-note.js';
import type { ExecutionRow } from './rows.js';
import { forgetSpool } from './spools.js';
import { END_ORPHAN } from './sql.js';

/** What takes longer to absorb is left to a process of its own, so that no command and no connection waits for it. */
const INLINE_BYTES = 1024 * 1024;

/**
 * Ends running executions whose recorder is gone, each in transactions of its own. What the recorder could not store
 * is marked as dropped. One whose spool is large ends later: a process is started that sees to it.
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
    ...byPid.filter((row) => attempt(row.id, () => isGone(row) && store.write(() => endWithNote(store, row.id)))),
    ...[...byLock].map((id) => ({ id })).filter(({ id }) => attempt(id, () => endOrphan(store, id))),
  ].map(({ id }) => id);
}

/** Recorders of earlier versions have no lock. Where this process's own start is unknown, so is anyone else's. */
function isGone(row: ExecutionRow): boolean {
  return ownStart() !== undefined && processStart(row.recorder_pid) !== row.recorder_started;
}

/**
 * Ends one execution, if its recorder is gone.
 * @param inlineBytes a larger spool is left to a process of its own
 * @returns whether it was not ended yet
 * @throws NodeAgentError `store` if nothing says what was recorded: it is set aside
 */
export function endOrphan(store: Store, executionId: string, inlineBytes = INLINE_BYTES): boolean {
  const lock = RecorderLock.takeOver(store.dataDir, executionId);
  if (!lock) return false;
  let isLarge = false;
  try {
    if (!isDescribed(store, executionId)) {
      const names = setSpoolAside(store.dataDir, executionId);
      store.write(() => endWithNote(store, executionId, lock.note.read()));
      lock.remove();
      throw new NodeAgentError(
        'store',
        `what its recorder has left cannot be read, and nothing else says what it was; set aside: ${names.join(', ')}`,
      );
    }
    isLarge = spoolBytes(store.dataDir, executionId) > inlineBytes && !isForgotten(store, executionId);
    if (isLarge) return false;
    const spool = absorbRest(store, executionId);
    const ended = spool.isEnded || store.write(() => endWithNote(store, executionId, lock.note.read(), spool.position));
    removeSpool(store.dataDir, executionId);
    lock.remove();
    return ended;
  } catch (error) {
    if (!(error instanceof NodeAgentError && error.code === 'forgotten')) throw error;
    removeSpool(store.dataDir, executionId); // nothing of what it recorded is kept
    lock.remove();
    return false;
  } finally {
    lock.release();
    if (isLarge) startAbsorbProcess(store.dataDir, executionId);
  }
}

/** @returns false if there is a spool of which neither the store nor its own beginning says what it is */
function isDescribed(store: Store, executionId: string): boolean {
  const [segment] = segmentsOf(store.dataDir, executionId);
  if (segment === undefined || spoolBytes(store.dataDir, executionId) === 0) return true;
  if (findExecution(store, executionId) || isForgotten(store, executionId)) return true;
  const reader = new SpoolReader(store.dataDir, executionId, { segment, offset: 0 });
  try {
    return isHeader(reader.next());
  } finally {
    reader.close();
  }
}

/** Stores what the recorder had not stored. */
function absorbRest(store: Store, executionId: string): { isEnded: boolean; position?: SpoolPosition } {
  const isThere = spoolBytes(store.dataDir, executionId) > 0 && !isForgotten(store, executionId);
  const row = findExecution(store, executionId);
  if (!isThere || (row && row.status !== 'running')) return { isEnded: false };
  const absorber = new SpoolAbsorber(store, executionId);
  try {
    while (absorber.step(false));
    if (!absorber.isOver) absorber.finishTorn();
    return { isEnded: absorber.isOver, position: absorber.position };
  } finally {
    absorber.close();
  }
}

/** @returns whether it was not ended yet */
function endWithNote(store: Store, id: string, left?: NoteContent | 'unreadable', spool?: SpoolPosition): boolean {
  const note = left === 'unreadable' ? undefined : left;
  if (note?.recording && !findExecution(store, id)) {
    addExecution(store, note.recording.attempt, note.recording.execution);
  }
  const row = findExecution(store, id);
  if (row?.status !== 'running') return false;
  forgetSpool(store, row.key);
  const isOutdated = note !== undefined && hasMore(note, row, spool);
  const lastLineAt = lastLineTime(store, row);
  // a power cut or a restored backup has taken lines that the recorder had stored
  const gone = Math.max(0, (note?.storedLines ?? 0) - row.log_lines);
  if (left !== undefined && !isOutdated && (note?.lost !== 0 || gone > 0)) {
    const timestamp = note?.end?.completedAt ?? lastLineAt;
    appendLines(store, row.key, row.log_lines, [lossLine(note?.lost ?? null, note?.code, timestamp, gone)]);
    // the hive may have another line in this one's place
    if (gone > 0) startEpoch(store, row.key);
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

/** @returns whether more was recorded after the note was written */
function hasMore({ spooled, storedLines = 0 }: NoteContent, row: ExecutionRow, spool?: SpoolPosition): boolean {
  if (spooled === undefined) return storedLines < row.log_lines;
  if (spooled === null || !spool) return false;
  return spool.segment > spooled.segment || (spool.segment === spooled.segment && spool.offset > spooled.offset);
}

function lastLineTime(store: Store, row: ExecutionRow): string {
  const [last] = readLines(store, row.key, row.log_lines - 1, row.log_lines, { lines: 1, rawBytes: 0 })?.lines ?? [];
  return last === undefined ? row.started_at : (JSON.parse(last) as LogLine).timestamp;
}
