import { randomUUID } from 'node:crypto';
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
  forgetAllAcks,
  forgetIncompleteAcks,
  meetHive,
  refuseAttempt,
} from './acknowledgements.js';
import { getAttempt, listAttempts, pendingAttempts } from './attempts.js';
import { getExecution, pendingExecutions } from './executions.js';
import { addMarker, compareHistory, heldMarkers } from './markers.js';
import { endOrphans } from './orphans.js';
import { listPrunable, pruneAttempt, type Prunable } from './prune.js';

const HOUR_MS = 60 * 60 * 1000;

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

  test('counts as long as the hive knows a marker that covers it, and is forgotten otherwise', () => {
    const { store } = temporary;
    const [m1, m2, m3] = [randomUUID(), randomUUID(), randomUUID()];
    const first = acknowledged('complete', 3);
    addMarker(store, m1);
    const second = acknowledged('complete', 3);
    addMarker(store, m2);
    const third = acknowledged('complete', 3);
    addMarker(store, m3);
    const uncovered = acknowledged('complete', 3);
    acknowledgeAttempt(store, first.attempt_id, 2, 'complete'); // repeated: an older marker covers the same
    expect(heldMarkers(store)).toEqual([m3, m2, m1]);

    expect(compareHistory(store, [m1, m2, m3])).toEqual({ attempts: 1, lost: 0 });
    expect(pending()).toEqual([uncovered.attempt_key]);
    expect(compareHistory(store, [m1])).toEqual({ attempts: 2, lost: 2 });
    expect(pending()).toEqual([second.attempt_key, third.attempt_key, uncovered.attempt_key]);
    expect(pendingExecutions(store, second.attempt_key)).toMatchObject([{ acked_through: 0 }]);
    expect(heldMarkers(store)).toEqual([m1]);
    expect(compareHistory(store, [])).toEqual({ attempts: 1, lost: 1 });
    expect(pending()).toHaveLength(4);
  });

  test('a state that the hive tells later needs a later marker', () => {
    const { store } = temporary;
    const execution = acknowledged('partial', 3);
    const [partial, complete] = [randomUUID(), randomUUID()];
    addMarker(store, partial);
    acknowledgeAttempt(store, execution.attempt_id, 2, 'complete');
    addMarker(store, complete);
    expect(compareHistory(store, [partial])).toEqual({ attempts: 1, lost: 1 });
  });

  test('is covered by at most 64 markers, the recent ones close together and the old ones far apart', () => {
    const { store } = temporary;
    const markers: string[] = [];
    for (let count = 0; count < 1000; count++) {
      if (count % 10 === 0) acknowledged('complete', 3);
      markers.push(randomUUID());
      addMarker(store, markers.at(-1) ?? '');
    }
    const held = heldMarkers(store);
    expect(held).toHaveLength(64);
    const ages = held.map((id) => 999 - markers.indexOf(id));
    expect(ages.slice(0, 10)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(ages.at(-1)).toBeGreaterThan(800);
    // of 1000 markers, the last 100 are lost: a quarter too much is announced again, at most
    const { attempts } = compareHistory(store, markers.slice(0, 900));
    expect(attempts).toBeGreaterThanOrEqual(10);
    expect(attempts).toBeLessThanOrEqual(13);
  });

  test('a refused attempt is announced again once it changes, and then in full', () => {
    const { store } = temporary;
    const execution = endedExecution(store, { lines: 3 });
    expect(refuseAttempt(store, execution.attempt_id, 2, 'belongs_to_another_node')).toBe(true);
    expect(refuseAttempt(store, execution.attempt_id, 2, 'belongs_to_another_node')).toBe(false);
    forgetIncompleteAcks(store);
    compareHistory(store, []);
    expect(acknowledgeAttempt(store, execution.attempt_id, 2, 'partial')).toBe('taken');
    expect(pending()).toEqual([]);
    expect(attempt(execution.attempt_key)).toMatchObject({ refused: 'belongs_to_another_node' });

    startExecution(store, { attemptId: execution.attempt_id });
    expect(pending()).toEqual([execution.attempt_key]);
    acknowledgeAttempt(store, execution.attempt_id, 3, 'partial');
    expect(attempt(execution.attempt_key)?.refused).toBeNull();
    expect(pendingExecutions(store, execution.attempt_key)).toHaveLength(2);
  });

  test('everything is announced again on request, also what the hive has refused', () => {
    const { store } = temporary;
    const execution = acknowledged('complete', 3);
    const refused = endedExecution(store);
    refuseAttempt(store, refused.attempt_id, 2, 'belongs_to_another_node');
    expect(forgetAllAcks(store)).toBe(2);
    expect(pending()).toEqual([execution.attempt_key, refused.attempt_key]);
    expect(pendingExecutions(store, refused.attempt_key)).toHaveLength(1);
  });

  /** Prunes what the store alone allows. @returns the ids of the attempts */
  function prune(before: Date): string[] {
    const { store } = temporary;
    return listPrunable(store, before, 0, 100).flatMap((found) => (pruneAttempt(store, found) ? [found.id] : []));
  }

  test('decides what may be pruned', () => {
    const { store } = temporary;
    const later = new Date(Date.now() + HOUR_MS);
    acknowledged('partial', 3);
    acknowledged('complete', 2);
    const changed = acknowledged('complete', 3);
    startExecution(store, { attemptId: changed.attempt_id });
    const refused = acknowledged('complete', 3);
    refuseAttempt(store, refused.attempt_id, 2, 'belongs_to_another_node');
    const whole = acknowledged('complete', 3);
    expect(prune(new Date(0))).toEqual([]);
    const [listed] = listPrunable(store, later, 0, 100);
    expect(listed).toMatchObject({
      key: whole.attempt_key,
      id: whole.attempt_id,
      revision: 2,
      executions: 1,
      lines: 3,
    });
    expect(pruneAttempt(store, { ...listed, revision: 1 } as Prunable)).toBe(false);
    expect(prune(later)).toEqual([whole.attempt_id]);
    expect(prune(later)).toEqual([]);
    for (const table of ['log_page', 'log_line']) {
      expect(store.prepare(`SELECT count(*) AS n FROM ${table} WHERE execution_key = ?`).get(whole.key)).toEqual({
        n: 0,
      });
    }
    expect(listAttempts(store, 100).map(({ id }) => id)).not.toContain(whole.attempt_id);
  });

  test('a pruned attempt goes on where it was: same description, rising revision, all its executions', () => {
    const { store } = temporary;
    const pruned = acknowledged('complete', 3);
    const before = attempt(pruned.attempt_key);
    prune(new Date(Date.now() + HOUR_MS));
    // the hive cannot have more lines than an ended execution; a new epoch would make it throw away the only copy
    acknowledgeLines(store, { executionId: pruned.id, epoch: 5, storedThrough: 3 });
    expect(getExecution(store, pruned.key)).toMatchObject({ log_epoch: 1, log_lines: 3, pruned: 1 });
    const later = '2027-01-01T00:00:00.000Z';
    const next = startExecution(store, { attemptId: pruned.attempt_id, createdAt: later });
    finishExecution(store, next.key);
    expect(attempt(pruned.attempt_key)).toMatchObject({
      created_at: before?.created_at,
      executor: before?.executor,
      revision: 4,
      execution_count: 2,
    });
    expect(listAttempts(store, 100).map(({ id }) => id)).toEqual([pruned.attempt_id]);
    acknowledgeAttempt(store, pruned.attempt_id, 4, 'complete');
    acknowledgeLines(store, { executionId: next.id, epoch: 1, storedThrough: 0, revision: 4 });
    acknowledgeLines(store, { executionId: pruned.id, epoch: 1, storedThrough: 3 });
    expect(listPrunable(store, new Date(Date.now() + HOUR_MS), 0, 100)).toMatchObject([{ executions: 2, lines: 3 }]);
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
