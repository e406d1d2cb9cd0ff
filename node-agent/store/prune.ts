/**
 * Removing the lines of attempts that the hive has in full. Their descriptions stay, so that the hive goes on counting
 * what was pruned, and a later `run --attempt` continues the same attempt.
 */
import type { Store } from './open.js';
import {
  DELETE_SOME_LINES,
  DELETE_SOME_PAGES,
  MARK_ATTEMPT_PRUNED,
  MARK_EXECUTIONS_PRUNED,
  SELECT_PRUNABLE,
  SELECT_PRUNED_WITH_LINES,
} from './sql.js';

/** Pages or lines that one transaction removes. */
const STEP = 200;

/** An attempt of which the hive has acknowledged everything, and what the hive must have of it. */
export interface Prunable {
  key: number;
  id: string;
  revision: number;
  updated_at: string;
  executions: number;
  /** Lines of all its executions. */
  lines: number;
}

/**
 * @returns attempts last changed before `before` of which the hive has acknowledged everything: `complete` at their
 * present revision, and each execution's lines and epoch; in ascending order of their keys, those after `after`
 */
export function listPrunable(store: Store, before: Date, after: number, limit: number): Prunable[] {
  return store.prepare<Prunable>(SELECT_PRUNABLE).all({ before: before.toISOString(), after, limit });
}

/**
 * Removes the attempt's lines: a few pages in each transaction, so that nobody who records waits long.
 * @returns false if it has changed since it was listed: nothing was removed
 */
export function pruneAttempt(store: Store, { key, revision }: Prunable): boolean {
  const isMarked = store.write(() => {
    if (store.prepare(MARK_ATTEMPT_PRUNED).run({ key, revision }).changes === 0) return false;
    store.prepare(MARK_EXECUTIONS_PRUNED).run(key);
    return true;
  });
  if (isMarked) for (const execution of prunedWithLines(store, key)) removeLines(store, execution);
  return isMarked;
}

/** Removes what a prune has left that was killed. */
export function removeLeftLines(store: Store): void {
  for (const execution of prunedWithLines(store, null)) removeLines(store, execution);
}

function prunedWithLines(store: Store, attemptKey: number | null): number[] {
  const found = store.prepare<{ key: number }>(SELECT_PRUNED_WITH_LINES).all({ attempt_key: attemptKey });
  return found.map(({ key }) => key);
}

/** Removes an execution's lines, a few in each transaction. */
export function removeLines(store: Store, executionKey: number): void {
  for (const statement of [DELETE_SOME_PAGES, DELETE_SOME_LINES]) {
    while (store.write(() => store.prepare(statement).run({ key: executionKey, limit: STEP }).changes) > 0);
  }
}
