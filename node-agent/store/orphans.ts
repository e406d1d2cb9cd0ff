import { raiseRevision } from './attempts.js';
import { runningExecutions } from './executions.js';
import type { Store } from './open.js';
import { processStart } from './process-identity.js';
import { END_ORPHAN, SELECT_STILL_RUNNING } from './sql.js';

/**
 * Marks running executions whose recorder no longer lives as killed, each in a transaction of its own.
 * @returns the ids of those marked
 */
export function endOrphans(store: Store): string[] {
  const orphans = runningExecutions(store).filter((row) => processStart(row.recorder_pid) !== row.recorder_started);
  return orphans
    .filter(({ key, attempt_key }) =>
      store.write(() => {
        const still = store.prepare(SELECT_STILL_RUNNING).get(key);
        if (!still) return false;
        return store.prepare(END_ORPHAN).run({ key, revision: raiseRevision(store, attempt_key) }).changes > 0;
      }),
    )
    .map(({ id }) => id);
}
