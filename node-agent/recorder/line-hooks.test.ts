import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { attemptSyncData, executionSyncData } from '../../protocol/frames.js';
import { findAttempt } from '../store/attempts.js';
import { attemptSync, executionSync, type AttemptRow, type ExecutionRow } from '../store/rows.js';
import { row, startExecution, temporaryStore, type TemporaryStore } from '../testing/temporary-store.js';
import { lineHooks } from './line-hooks.js';

const CODEX = readFileSync(new URL('../testing/streams/codex.jsonl', import.meta.url), 'utf8')
  .split('\n')
  .slice(0, -1);
const TOKENS = 122;

describe('what is learnt from lines', () => {
  let temporary: TemporaryStore;
  let execution: ExecutionRow;
  beforeEach(() => {
    temporary = temporaryStore();
    execution = startExecution(temporary.store);
  });
  afterEach(() => {
    jest.restoreAllMocks();
    temporary.remove();
  });

  type Hooks = ReturnType<typeof lineHooks>;
  const see = (hooks: Hooks, lines: readonly string[]) => {
    for (const line of lines) hooks.seen.line(line, false);
  };
  const store = (hooks: Hooks, isEnd: boolean, { key, attempt_key: attemptKey } = execution) =>
    temporary.store.write(() => hooks.stored(temporary.store, { key, attemptKey }, isEnd));
  const attempt = (): AttemptRow => {
    const found = findAttempt(temporary.store, execution.attempt_id);
    if (!found) throw new Error('no attempt');
    return found;
  };
  const summary = () => attemptSync(attempt()).summary;

  test('is on the attempt, in the form that the hive takes, and raises its revision', () => {
    const { revision } = attempt();
    const hooks = lineHooks();
    see(hooks, CODEX);
    store(hooks, false);
    expect(summary()).toMatchObject({ executor: 'CODEX', turns: 1, output_tokens: TOKENS });
    expect(attemptSyncData.parse(attemptSync(attempt())).summary).toEqual(summary());
    expect(attempt().revision).toBe(revision + 1);
  });

  test('changes nothing where no agent prints', () => {
    const before = attempt();
    const hooks = lineHooks();
    see(hooks, ['{"type":"log","message":"hello"}']);
    store(hooks, true);
    expect(attempt()).toEqual(before);
  });

  test('reaches the hive at the end, and until then every few seconds only', () => {
    const { revision } = attempt();
    const hooks = lineHooks();
    const now = performance.now();
    jest.spyOn(performance, 'now').mockReturnValue(now);
    for (const line of CODEX) {
      see(hooks, [line]);
      store(hooks, false);
    }
    expect([attempt().revision, summary()?.output_tokens]).toEqual([revision + 1, undefined]);
    store(hooks, true);
    store(hooks, true);
    expect([attempt().revision, summary()?.output_tokens]).toEqual([revision + 2, TOKENS]);
  });

  test('is neither lost nor counted twice when another process goes on', () => {
    for (const line of CODEX) {
      const hooks = lineHooks();
      see(hooks, [line]);
      store(hooks, false);
    }
    store(lineHooks(), true);
    expect(summary()).toMatchObject({ turns: 1, output_tokens: TOKENS });
  });

  test('is stored by the next transaction if one is rolled back', () => {
    const hooks = lineHooks();
    see(hooks, CODEX);
    const { store: database } = temporary;
    expect(() =>
      database.write(() => {
        hooks.stored(database, { key: execution.key, attemptKey: execution.attempt_key }, true);
        throw new Error('disk full');
      }),
    ).toThrow('disk full');
    expect(summary()).toBeNull();
    store(hooks, true);
    expect(summary()).toMatchObject({ turns: 1, output_tokens: TOKENS });
  });

  test('is summed up over the executions of an attempt', () => {
    const next = startExecution(temporary.store, { attemptId: execution.attempt_id });
    for (const each of [execution, next]) {
      const hooks = lineHooks();
      see(hooks, CODEX);
      store(hooks, true, each);
    }
    expect(summary()).toMatchObject({ turns: 2, output_tokens: 2 * TOKENS });
  });

  test('puts an event together that comes in pieces', () => {
    const hooks = lineHooks();
    for (const line of CODEX) {
      hooks.seen.line(line.slice(0, 10), true);
      hooks.seen.line(line.slice(10), false);
    }
    store(hooks, true);
    expect(summary()).toMatchObject({ output_tokens: TOKENS });
  });

  test('passes over an event that is too long, and goes on', () => {
    const hooks = lineHooks();
    see(hooks, CODEX.slice(0, 2));
    for (let piece = 0; piece < 9; piece++) hooks.seen.line(String(CODEX[2]) + ' '.repeat(1024 * 1024), piece < 8);
    see(hooks, CODEX.slice(3));
    store(hooks, true);
    expect(summary()).toMatchObject({ turns: 1, output_tokens: TOKENS });
  });

  test('counts what was masked, of an execution and of its attempt', () => {
    const next = startExecution(temporary.store, { attemptId: execution.attempt_id });
    for (const each of [execution, next]) {
      const hooks = lineHooks();
      hooks.masked(2);
      hooks.masked(3);
      store(hooks, true, each);
    }
    expect(row(temporary.store, execution.key).masked).toBe(3);
    expect(attempt().masked).toBe(6);
    expect(executionSyncData.parse(executionSync(row(temporary.store, next.key))).masked).toBe(3);
  });
});
