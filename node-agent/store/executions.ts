import { NodeAgentError } from '../errors.js';
import { ensureAttempt, raiseRevision } from './attempts.js';
import { sealRest } from './append-lines.js';
import type { Store } from './open.js';
import type { ExecutionEnd, NewAttempt, NewExecution } from './recorded.js';
import type { ExecutionRow } from './rows.js';
import {
  END_EXECUTION,
  INSERT_EXECUTION,
  RAISE_EPOCH,
  SELECT_EXECUTION_BY_ID,
  SELECT_EXECUTION_BY_KEY,
  SELECT_EXECUTIONS,
  SELECT_LATEST_EXECUTION,
  SELECT_PENDING_EXECUTIONS,
  SELECT_RUNNING_EXECUTIONS,
  SET_DROPPED,
} from './sql.js';

/** Adds an execution, and its attempt if that is new. To be called in a write transaction. */
export function addExecution(
  store: Store,
  attempt: NewAttempt,
  execution: NewExecution,
): { key: number; attemptKey: number } {
  const attemptKey = ensureAttempt(store, attempt);
  const revision = raiseRevision(store, attemptKey);
  const { lastInsertRowid } = store.prepare(INSERT_EXECUTION).run({
    id: execution.id,
    attempt_key: attemptKey,
    revision,
    run_reason: execution.runReason,
    executor_action: execution.executorAction,
    before_head_commit: execution.beforeHeadCommit,
    pid: execution.pid,
    started_at: execution.startedAt,
    recorder_pid: execution.recorder.pid,
    recorder_started: execution.recorder.started,
    recorder_locks: execution.recorder.locks === true ? 1 : 0,
  });
  return { key: Number(lastInsertRowid), attemptKey };
}

/**
 * To be called in the write transaction that stores the execution's last line.
 * @throws NodeAgentError `sealed` if it has ended already
 */
export function endExecution(store: Store, key: number, attemptKey: number, end: ExecutionEnd): void {
  sealRest(store, key, getExecution(store, key)?.log_lines ?? 0);
  const { changes } = store.prepare(END_EXECUTION).run({
    key,
    revision: raiseRevision(store, attemptKey),
    status: end.status,
    exit_code: end.exitCode,
    after_head_commit: end.afterHeadCommit,
    completed_at: end.completedAt,
  });
  if (changes === 0) throw new NodeAgentError('sealed', 'another process has ended this execution in the store');
}

/** Records that lines of the execution were lost. To be called in a write transaction. */
export function markDropped(store: Store, key: number, attemptKey: number): void {
  store.prepare(SET_DROPPED).run(raiseRevision(store, attemptKey), key);
}

/** For an execution that has other lines now than the hive may have. To be called in a write transaction. */
export function startEpoch(store: Store, key: number): void {
  const row = getExecution(store, key);
  if (!row) return;
  const revision = raiseRevision(store, row.attempt_key);
  store.prepare(RAISE_EPOCH).run({ key, epoch: row.log_epoch, revision });
}

export function findExecution(store: Store, id: string): ExecutionRow | undefined {
  return store.prepare<ExecutionRow>(SELECT_EXECUTION_BY_ID).get(id);
}

export function getExecution(store: Store, key: number): ExecutionRow | undefined {
  return store.prepare<ExecutionRow>(SELECT_EXECUTION_BY_KEY).get(key);
}

/** The executions after the given one, in order of creation, read as the caller asks for them. */
export function executionsAfter(
  store: Store,
  attemptKey: number,
  after?: Pick<ExecutionRow, 'created_at' | 'id'>,
): IterableIterator<ExecutionRow> {
  return store.prepare<ExecutionRow>(SELECT_EXECUTIONS).iterate(attemptKey, after?.created_at ?? '', after?.id ?? '');
}

/** @returns the one that runs or ran last; undefined if the attempt has none */
export function latestExecution(store: Store, attemptKey: number): ExecutionRow | undefined {
  return store.prepare<ExecutionRow>(SELECT_LATEST_EXECUTION).get(attemptKey);
}

/** Executions with a change that the hive has not acknowledged, in order of creation. */
export function pendingExecutions(store: Store, attemptKey: number): ExecutionRow[] {
  return store.prepare<ExecutionRow>(SELECT_PENDING_EXECUTIONS).all(attemptKey);
}

export function runningExecutions(store: Store): ExecutionRow[] {
  return store.prepare<ExecutionRow>(SELECT_RUNNING_EXECUTIONS).all();
}
