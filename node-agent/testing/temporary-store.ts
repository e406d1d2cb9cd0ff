/** For tests: a store in a directory of its own, and rows in it. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeLine } from '../../protocol/page.js';
import { addExecution, endExecution, getExecution } from '../store/executions.js';
import { appendLines } from '../store/append-lines.js';
import { openStore, type Store } from '../store/open.js';
import type { NewAttempt, NewExecution } from '../store/recorded.js';
import { processStart } from '../store/process-identity.js';
import type { ExecutionRow } from '../store/rows.js';

const NOW = '2026-01-02T03:04:05.678Z';

export interface TemporaryStore {
  dataDir: string;
  store: Store;
  remove(): void;
}

export function temporaryStore(): TemporaryStore {
  const dataDir = mkdtempSync(join(tmpdir(), 'node-agent-test-'));
  const store = openStore(dataDir);
  return {
    dataDir,
    store,
    remove: () => {
      store.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** An attempt and its execution as a recorder describes them before they are in a store. */
export function newRecording(
  executionId: string,
  at: string,
  recorder: NewExecution['recorder'],
): { attempt: NewAttempt; execution: NewExecution } {
  return {
    attempt: {
      id: randomUUID(),
      title: null,
      sharedTaskId: null,
      executor: 'T',
      branch: '',
      containerRef: null,
      createdAt: at,
    },
    execution: {
      id: executionId,
      runReason: 'codingagent',
      executorAction: null,
      beforeHeadCommit: null,
      pid: 1,
      startedAt: at,
      recorder,
    },
  };
}

export interface TestExecution {
  attemptId?: string;
  lines?: number;
  action?: string | null;
  createdAt?: string;
}

/** A running execution, recorded by this process. */
export function startExecution(
  store: Store,
  { attemptId = randomUUID(), lines = 0, action = null, createdAt = NOW }: TestExecution = {},
): ExecutionRow {
  const key = store.write(() => {
    const attempt = {
      id: attemptId,
      title: null,
      sharedTaskId: null,
      executor: 'TEST',
      branch: 'main',
      containerRef: null,
      createdAt,
    };
    const added = addExecution(store, attempt, {
      id: randomUUID(),
      runReason: 'codingagent',
      executorAction: action,
      beforeHeadCommit: null,
      pid: process.pid,
      startedAt: createdAt,
      recorder: { pid: process.pid, started: processStart(process.pid) ?? '' },
    });
    return added.key;
  });
  addLines(store, key, lines);
  return row(store, key);
}

export function addLines(store: Store, key: number, count: number): void {
  store.write(() => {
    const { log_lines: before } = row(store, key);
    const lines = Array.from({ length: count }, (_, index) => testLine(before + index + 1));
    appendLines(store, key, before, lines);
  });
}

export function testLine(seq: number): string {
  return encodeLine({ output_type: 'stdout', content: `line ${seq}`, timestamp: NOW });
}

export function finishExecution(store: Store, key: number): void {
  const end = { status: 'completed', exitCode: 0, afterHeadCommit: null, completedAt: NOW } as const;
  store.write(() => endExecution(store, key, row(store, key).attempt_key, end));
}

export function endedExecution(store: Store, options: TestExecution = {}): ExecutionRow {
  const { key } = startExecution(store, options);
  finishExecution(store, key);
  return row(store, key);
}

export function row(store: Store, key: number): ExecutionRow {
  const found = getExecution(store, key);
  if (!found) throw new Error(`no execution ${key}`);
  return found;
}
