import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { startExecution, temporaryStore, type TemporaryStore } from '../testing/temporary-store.js';
import { endExecution, latestExecution } from './executions.js';

let temporary: TemporaryStore;
beforeEach(() => {
  temporary = temporaryStore();
});
afterEach(() => temporary.remove());

const at = (second: number) => `2026-01-02T03:04:0${second}.000Z`;

test('of nested executions the outer one, which ends last, is the latest; while it runs, it is too', () => {
  const { store } = temporary;
  const attemptId = '7c9e6679-7425-40de-944b-e07fc1f90ae7';
  const outer = startExecution(store, { attemptId, createdAt: at(0) });
  const inner = startExecution(store, { attemptId, createdAt: at(1) });
  const end = ({ key, attempt_key }: typeof outer, second: number) =>
    endExecution(store, key, attempt_key, {
      status: 'completed',
      exitCode: 0,
      afterHeadCommit: null,
      completedAt: at(second),
    });
  end(inner, 5);
  expect(latestExecution(store, outer.attempt_key)?.id).toBe(outer.id);
  end(outer, 6);
  expect(latestExecution(store, outer.attempt_key)?.id).toBe(outer.id);
});
