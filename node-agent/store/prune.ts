import type { Store } from './open.js';
import { DELETE_PRUNABLE, SELECT_PRUNABLE } from './sql.js';

/**
 * Removes attempts last changed before `before` of which the hive has acknowledged everything: `complete` at their
 * present revision, and each execution's lines and epoch.
 * @returns the ids of those removed
 */
export function prune(store: Store, before: Date): string[] {
  const candidates = store.prepare<{ key: number; id: string }>(SELECT_PRUNABLE).all(before.toISOString());
  // the statement checks again: a `run` may have added to the attempt since it was listed
  return candidates.filter(({ key }) => store.prepare(DELETE_PRUNABLE).run(key).changes > 0).map(({ id }) => id);
}
