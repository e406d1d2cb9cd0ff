import { NodeAgentError } from '../errors.js';
import type { Store } from './open.js';
import type { NewAttempt } from './recorded.js';
import type { AttemptRow } from './rows.js';
import {
  INSERT_ATTEMPT,
  RAISE_REVISION,
  SELECT_ATTEMPT_BY_ID,
  SELECT_ATTEMPT_BY_KEY,
  SELECT_ATTEMPTS,
  SELECT_IS_ATTEMPT_FORGOTTEN,
  SELECT_IS_PENDING,
  SELECT_PENDING_ATTEMPTS,
} from './sql.js';

/**
 * Creates the attempt if it does not exist yet; an existing one stays as it is.
 * @returns its key
 * @throws NodeAgentError `forgotten` if it was deleted at the hive
 */
export function ensureAttempt(store: Store, attempt: NewAttempt): number {
  if (store.value(SELECT_IS_ATTEMPT_FORGOTTEN, attempt.id) === 1) {
    throw new NodeAgentError('forgotten', 'this attempt was deleted at the hive');
  }
  store.prepare(INSERT_ATTEMPT).run({
    id: attempt.id,
    title: attempt.title,
    shared_task_id: attempt.sharedTaskId,
    executor: attempt.executor,
    branch: attempt.branch,
    container_ref: attempt.containerRef,
    created_at: attempt.createdAt,
  });
  return store.one<AttemptRow>(SELECT_ATTEMPT_BY_ID, attempt.id).key;
}

export function findAttempt(store: Store, id: string): AttemptRow | undefined {
  return store.prepare<AttemptRow>(SELECT_ATTEMPT_BY_ID).get(id);
}

export function getAttempt(store: Store, key: number): AttemptRow | undefined {
  return store.prepare<AttemptRow>(SELECT_ATTEMPT_BY_KEY).get(key);
}

/** Newest first. */
export function listAttempts(store: Store, limit: number): AttemptRow[] {
  return store.prepare<AttemptRow>(SELECT_ATTEMPTS).all(limit);
}

/** Raises the attempt's revision, in the transaction of the change that it counts. @returns the new revision */
export function raiseRevision(store: Store, attemptKey: number): number {
  return store.one<{ revision: number }>(RAISE_REVISION, new Date().toISOString(), attemptKey).revision;
}

/** @returns keys above `after`, ascending, of attempts with a change that the hive has not acknowledged */
export function pendingAttempts(store: Store, after: number, limit: number): number[] {
  if (store.value(SELECT_IS_PENDING) === 0) return [];
  return store
    .prepare<{ key: number }>(SELECT_PENDING_ATTEMPTS)
    .all({ after, limit })
    .map(({ key }) => key);
}
