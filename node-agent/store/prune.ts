/**
 * Removing the lines of attempts that the hive has in full. Their descriptions stay, so that the hive goes on counting
 * what was pruned, and a later `run --attempt` continues the same attempt.
 */
import type { Store } from './open.js';
import {
  DELETE_PRUNED_LINES,
  DELETE_PRUNED_PAGES,
  MARK_ATTEMPT_PRUNED,
  MARK_EXECUTIONS_PRUNED,
  SELECT_PRUNABLE,
} from './sql.js';

/** An attempt of which the hive has acknowledged everything, and what the hive must have of it. */
export interface Prunable {
  key: number;
  id: string;
  revision: number;
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

/** Removes the attempt's lines. @returns false if it has changed since it was listed: nothing was removed */
export function pruneAttempt(store: Store, { key, revision }: Prunable): boolean {
  return store.write(() => {
    if (store.prepare(MARK_ATTEMPT_PRUNED).run({ key, revision }).changes === 0) return false;
    store.prepare(MARK_EXECUTIONS_PRUNED).run(key);
    store.prepare(DELETE_PRUNED_PAGES).run(key);
    store.prepare(DELETE_PRUNED_LINES).run(key);
    return true;
  });
}
