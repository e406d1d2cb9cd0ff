import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { LogLine } from '../../protocol/page.js';
import { row, startExecution, temporaryStore, type TemporaryStore } from '../testing/temporary-store.js';
import { endOrphans } from './orphans.js';
import { readLines } from './read-lines.js';
import { noteWithoutLock } from './recorder-lock.js';

const END = {
  status: 'failed',
  exitCode: 3,
  afterHeadCommit: null,
  completedAt: '2026-01-02T03:04:06.000Z',
} as const;

describe('the note of a recorder that is gone', () => {
  let temporary: TemporaryStore;
  beforeEach(() => {
    temporary = temporaryStore();
  });
  afterEach(() => temporary.remove());

  /** Leaves a note of 5 stored lines for an execution that has `lines`. @returns what became of the execution */
  function endedWith(lines: number, lost: number | null) {
    const { store, dataDir } = temporary;
    const { id, key } = startExecution(store, { lines });
    noteWithoutLock(dataDir, id).write({ storedLines: 5, code: 'SQLITE_FULL', lost, end: lost === null ? null : END });
    expect(endOrphans(store)).toEqual([id]);
    const ended = row(store, key);
    const last = readLines(store, key, ended.log_lines - 1, ended.log_lines, { lines: 1, rawBytes: 1 })?.lines[0];
    return { ended, last: (JSON.parse(last ?? '{}') as LogLine).content };
  }

  test.each([
    [2, 'failed', '4 lines are lost here, because the store could not be written (SQLITE_FULL) and because the store'],
    [0, 'failed', '2 lines are lost here, because the store went back to an earlier state'],
    [null, 'killed', '2 lines are lost here, because the store went back to an earlier state; more lines may be lost'],
  ] as const)(
    'counts (%s lost) also if the store has fewer lines than when it was written',
    (lost, status, content) => {
      const { ended, last } = endedWith(3, lost);
      expect(ended).toMatchObject({ status, dropped: 1, log_lines: 4, log_epoch: 2 });
      expect(ended.exit_code).toBe(lost === null ? null : 3);
      expect(last).toContain(`node-agent: ${content}`);
    },
  );

  test('is outdated if the store has more lines', () => {
    const { ended, last } = endedWith(6, 2);
    expect(ended).toMatchObject({ status: 'killed', exit_code: null, dropped: 0, log_lines: 6, log_epoch: 1 });
    expect(last).toBe('line 6');
  });

  test('says how many lines are lost if the store has those that it had', () => {
    const { ended, last } = endedWith(5, 1);
    expect(ended).toMatchObject({ status: 'failed', exit_code: 3, dropped: 1, log_lines: 6, log_epoch: 1 });
    expect(last).toBe('node-agent: 1 line is lost here, because the store could not be written (SQLITE_FULL)');
  });
});
