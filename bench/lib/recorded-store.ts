/** Stores of nodes that have recorded attempts: made once, then copied for every round with new ids. */
import { randomUUID } from 'node:crypto';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { addExecution, endExecution } from '../../node-agent/store/executions.js';
import { appendLines } from '../../node-agent/store/append-lines.js';
import { openStore } from '../../node-agent/store/open.js';
import { Database } from '../../node-agent/store/sqlite.js';
import { sampleLine } from '../../tests/harness/sample-lines.js';

export interface RecordedSize {
  attempts: number;
  /** Per attempt. */
  executions: number;
  /** Per execution. */
  lines: number;
}

const LINES_PER_TRANSACTION = 10_000;
/** In SQL: another UUID (version 4) for each row. */
const NEW_UUID = `lower(printf('%s-%s-4%s-8%s-%s', hex(randomblob(4)), hex(randomblob(2)),
  substr(hex(randomblob(2)), 2), substr(hex(randomblob(2)), 2), hex(randomblob(6))))`;
const START = Date.parse('2026-01-01T10:00:00Z');

/** Makes a new store in the directory and records into it. */
export function recordStore(directory: string, { attempts, executions, lines }: RecordedSize): void {
  const store = openStore(directory);
  let seq = 0;
  for (let a = 0; a < attempts; a++) {
    const attempt = newAttempt(randomUUID(), START + a * 1000);
    for (let e = 0; e < executions; e++) {
      const { key, attemptKey } = store.write(() => addExecution(store, attempt, newExecution(randomUUID(), START)));
      for (let done = 0; done < lines; done += LINES_PER_TRANSACTION) {
        const count = Math.min(LINES_PER_TRANSACTION, lines - done);
        const batch = Array.from({ length: count }, () => sampleLine(++seq));
        store.write(() => appendLines(store, key, done, batch));
      }
      const completedAt = new Date(START + 60_000).toISOString();
      const end = { status: 'completed', exitCode: 0, afterHeadCommit: null, completedAt } as const;
      store.write(() => endExecution(store, key, attemptKey, end));
    }
  }
  store.close();
}

/**
 * Makes a copy that is another node's store: with ids of its own for the machine, attempts and executions.
 * @returns its directory
 */
export function copyStore(from: string, to: string): string {
  mkdirSync(to, { recursive: true });
  copyFileSync(join(from, 'node.db'), join(to, 'node.db'));
  const db = new Database(join(to, 'node.db'));
  db.transaction('immediate', () => {
    db.exec(`UPDATE node SET machine_id = ${NEW_UUID}`);
    for (const table of ['attempt', 'execution']) db.exec(`UPDATE ${table} SET id = ${NEW_UUID}`);
  });
  db.close();
  return to;
}

export function newAttempt(id: string, createdAt: number) {
  const created = new Date(createdAt).toISOString();
  const title = 'a benchmark';
  return { id, title, sharedTaskId: null, executor: 'SHELL', branch: 'main', containerRef: null, createdAt: created };
}

export function newExecution(id: string, startedAt: number, recorder = { pid: 0, started: '' }) {
  return {
    id,
    runReason: 'codingagent',
    executorAction: null,
    beforeHeadCommit: null,
    pid: null,
    startedAt: new Date(startedAt).toISOString(),
    recorder,
  } as const;
}
