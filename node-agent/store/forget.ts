/**
 * Deleting an attempt because an admin has deleted it at the hive. Its rows stay, emptied of all but their ids, so that
 * neither a recorder that runs nor a spool that is left brings it back.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { removeSpool } from '../recorder/spool-files.js';
import type { Store } from './open.js';
import { removeLines } from './prune.js';
import { RecorderLock } from './recorder-lock.js';
import { spaceOf } from './space.js';
import {
  DELETE_SPOOLS_OF_ATTEMPT,
  EMPTY_ATTEMPT,
  EMPTY_EXECUTIONS,
  SELECT_EXECUTION_IDS,
  SELECT_IS_FORGOTTEN,
  SELECT_KEY_OF_ATTEMPT,
} from './sql.js';

export interface Forgotten {
  /** Its executions; none if this store never had the attempt. */
  executions: number;
  /** Damaged stores that were set aside, which may still have a copy. */
  setAside: string[];
}

/**
 * Deletes everything that the store has of the attempt, a few pages in each transaction. Whoever records it still goes
 * on without recording. It may be called again. {@link eraseDeleted} is to follow.
 */
export async function forgetAttempt(store: Store, attemptId: string): Promise<Forgotten> {
  const found = store.prepare<{ key: number }>(SELECT_KEY_OF_ATTEMPT).get(attemptId);
  const setAside = spaceOf(store).setAside.map(({ name }) => name);
  if (!found) return { executions: 0, setAside };
  const { key } = found;
  store.prepare('PRAGMA secure_delete = ON').all();
  const executions = store.write(() => {
    store.prepare(EMPTY_ATTEMPT).run({ key, now: new Date().toISOString() });
    store.prepare(DELETE_SPOOLS_OF_ATTEMPT).run(key);
    store.prepare(EMPTY_EXECUTIONS).run(key);
    return store.prepare<{ key: number; id: string }>(SELECT_EXECUTION_IDS).all(key);
  });
  for (const execution of executions) {
    removeLines(store, execution.key);
    removeRecorderFiles(store.dataDir, execution.id);
    await nextTurn();
  }
  return { executions: executions.length, setAside };
}

/** @returns whether the execution's attempt was deleted at the hive */
export function isForgotten(store: Store, executionId: string): boolean {
  return store.value(SELECT_IS_FORGOTTEN, executionId) === 1;
}

/** A recorder that runs keeps its lock, and removes it itself. */
export function removeRecorderFiles(dataDir: string, executionId: string): void {
  removeSpool(dataDir, executionId);
  RecorderLock.takeOver(dataDir, executionId)?.remove();
}
