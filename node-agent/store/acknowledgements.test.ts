import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  endedExecution,
  finishExecution,
  row,
  startExecution,
  temporaryStore,
  type TemporaryStore,
} from '../testing/temporary-store.js';
import {
  acknowledgeAttempt,
  acknowledgeLines,
  forgetIncompleteAcks,
  lastCompleted,
  meetHive,
} from './acknowledgements.js';
import { getAttempt, pendingAttempts, prune } from './attempts.js';
import { pendingExecutions } from './executions.js';
import { endOrphans } from './orphans.js';

describe('what the hive has acknowledged', () => {
  let temporary: TemporaryStore;
  beforeEach(() => {
    temporary = temporaryStore();
  });
  afterEach(() => temporary.remove());

  const attempt = (key: number) => getAttempt(temporary.store, key);
  const pending = () => pendingAttempts(temporary.store, 0, 100);

  /** An attempt of one ended execution, all acknowledged at revision 2. */
  function acknowledged(state: 'partial' | 'complete', storedThrough: number) {
    const { store } = temporary;
    const execution = endedExecution(store, { lines: 3 });
    acknowledgeAttempt(store, execution.attempt_id, 2, state);
    acknowledgeLines(store, { executionId: execution.id, epoch: 1, storedThrough, revision: 2 });
    return execution;
  }

  test('counts for one hive only: everything is announced to a hive that knows the node under another id', () => {
    const { store } = temporary;
    expect(meetHive(store, 'node-at-a')).toBe(false);
    const execution = acknowledged('complete', 3);
    expect(meetHive(store, 'node-at-a')).toBe(false);
    expect(pending()).toEqual([]);
    expect(meetHive(store, 'node-at-b')).toBe(true);
    expect(pending()).toEqual([execution.attempt_key]);
    expect(attempt(execution.attempt_key)?.acked_state).toBeNull();
  });

  test('is pending until attempt and executions are acknowledged at their revision', () => {
    const { store } = temporary;
    const execution = endedExecution(store, { lines: 3 });
    expect(pending()).toEqual([execution.attempt_key]);
    acknowledgeAttempt(store, execution.attempt_id, 1, 'partial');
    expect(pending()).toEqual([execution.attempt_key]);
    acknowledgeAttempt(store, execution.attempt_id, 2, 'partial');
    expect(pending()).toEqual([execution.attempt_key]);
    acknowledgeLines(store, { executionId: execution.id, epoch: 1, storedThrough: 0 });
    expect(pending()).toEqual([execution.attempt_key]);
    acknowledgeLines(store, { executionId: execution.id, epoch: 1, storedThrough: 0, revision: 2 });
    expect(pending()).toEqual([]);
  });

  test('moves past a newer revision of the hive, with all executions', () => {
    const { store } = temporary;
    const execution = acknowledged('partial', 3);
    expect(acknowledgeAttempt(store, execution.attempt_id, 7, 'complete')).toBe('behind');
    expect(attempt(execution.attempt_key)).toMatchObject({ revision: 8, acked_revision: 0 });
    expect(pendingExecutions(store, execution.attempt_key)).toMatchObject([{ id: execution.id, attempt_revision: 8 }]);
  });

  test.each([
    ['more lines of the same epoch', 1, 4, 2],
    ['a higher epoch', 5, 0, 6],
  ])('starts a new log_epoch when the hive has %s', (_name, epoch, storedThrough, expected) => {
    const { store } = temporary;
    const execution = acknowledged('complete', 3);
    expect(acknowledgeLines(store, { executionId: execution.id, epoch, storedThrough })).toBe('behind');
    expect(row(store, execution.key)).toMatchObject({ log_epoch: expected, revision: 3, attempt_revision: 3 });
    expect(pending()).toEqual([execution.attempt_key]);
  });

  test('asks for the positions once when pulled pages complete an attempt', () => {
    const { store } = temporary;
    const execution = acknowledged('partial', 1);
    expect(pending()).toEqual([]);
    acknowledgeAttempt(store, execution.attempt_id, 2, 'complete');
    expect(pendingExecutions(store, execution.attempt_key)).toMatchObject([{ id: execution.id }]);
    acknowledgeLines(store, { executionId: execution.id, epoch: 1, storedThrough: 2, revision: 2 });
    acknowledgeAttempt(store, execution.attempt_id, 2, 'complete');
    expect(pending()).toEqual([]);
  });

  test('is asked for again after a reconnect if an ended attempt is not known to be complete', () => {
    const { store } = temporary;
    const partial = acknowledged('partial', 1);
    acknowledged('complete', 3);
    const running = startExecution(store);
    acknowledgeAttempt(store, running.attempt_id, 1, 'partial');
    acknowledgeLines(store, { executionId: running.id, epoch: 1, storedThrough: 0, revision: 1 });
    forgetIncompleteAcks(store);
    expect(pending()).toEqual([partial.attempt_key]);
    expect(pendingExecutions(store, partial.attempt_key)).toHaveLength(1);
  });

  test('tells what became complete last, even if the hive repeats that others are complete', async () => {
    const { store } = temporary;
    expect(lastCompleted(store)).toBeUndefined();
    const first = acknowledged('complete', 3);
    acknowledged('partial', 3);
    const second = acknowledged('complete', 3);
    await sleep(5);
    acknowledgeAttempt(store, first.attempt_id, 2, 'complete');
    expect(lastCompleted(store)?.id).toBe(second.attempt_id);
    acknowledgeAttempt(store, first.attempt_id, 2, 'partial');
    acknowledgeAttempt(store, first.attempt_id, 2, 'complete');
    expect(lastCompleted(store)?.id).toBe(first.attempt_id);
    startExecution(store, { attemptId: first.attempt_id });
    expect(lastCompleted(store)?.id).toBe(second.attempt_id);
  });

  test('decides alone what prune removes', () => {
    const { store } = temporary;
    const later = new Date(Date.now() + 1000);
    acknowledged('partial', 3);
    acknowledged('complete', 2);
    const changed = acknowledged('complete', 3);
    startExecution(store, { attemptId: changed.attempt_id });
    const whole = acknowledged('complete', 3);
    expect(prune(store, new Date(0))).toEqual([]);
    expect(prune(store, later)).toEqual([whole.attempt_id]);
    expect(attempt(whole.attempt_key)).toBeUndefined();
    expect(store.prepare('SELECT count(*) AS n FROM log_page WHERE execution_key = ?').get(whole.key)).toEqual({
      n: 0,
    });
  });

  test('marks an execution as killed only if its recorder is gone', () => {
    const { store } = temporary;
    const alive = startExecution(store, { lines: 1 });
    const dead = startExecution(store, { lines: 2 });
    const reused = startExecution(store);
    const ended = startExecution(store);
    finishExecution(store, ended.key);
    store.prepare('UPDATE execution SET recorder_pid = 4194304 WHERE key IN (?, ?)').run(dead.key, ended.key);
    store.prepare("UPDATE execution SET recorder_started = 'earlier' WHERE key = ?").run(reused.key);
    expect(endOrphans(store).sort()).toEqual([dead.id, reused.id].sort());
    expect(row(store, alive.key).status).toBe('running');
    expect(row(store, ended.key).status).toBe('completed');
    expect(row(store, dead.key)).toMatchObject({ status: 'killed', exit_code: null, revision: 2, attempt_revision: 2 });
    expect(endOrphans(store)).toEqual([]);
  });
});
