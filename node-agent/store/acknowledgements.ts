/** What the hive has acknowledged, and what follows when it knows more than this store does. */
import type { SyncState } from '../../protocol/frames.js';
import { findAttempt, raiseRevision } from './attempts.js';
import { findExecution } from './executions.js';
import type { Store } from './open.js';
import type { AttemptRow } from './rows.js';
import {
  ACKNOWLEDGE_ATTEMPT,
  ACKNOWLEDGE_EXECUTION,
  ACKNOWLEDGE_LINES,
  FORGET_ALL_ATTEMPT_ACKS,
  FORGET_ALL_EXECUTION_ACKS,
  FORGET_ATTEMPT_ACK,
  FORGET_EXECUTION_ACK,
  FORGET_EXECUTION_ACKS,
  FORGET_EXECUTION_ACKS_OF_UNACKED,
  FORGET_INCOMPLETE_ACKS,
  FORGET_UNVERIFIED_ACKS,
  RAISE_EPOCH,
  RAISE_REVISION_ABOVE,
  SELECT_HIVE_NODE,
  SELECT_LAST_COMPLETED,
  SET_EXECUTION_REVISIONS,
  SET_HIVE_NODE,
} from './sql.js';

/** `behind`: this store was older than the hive's copy; it has moved past it and must announce again. */
export type AckOutcome = 'taken' | 'behind' | 'unknown';

/** Takes a sync_ack in. */
export function acknowledgeAttempt(store: Store, attemptId: string, revision: number, state: SyncState): AckOutcome {
  return store.write(() => {
    const attempt = findAttempt(store, attemptId);
    if (!attempt) return 'unknown';
    if (revision > attempt.revision) {
      store.prepare(RAISE_REVISION_ABOVE).run({ key: attempt.key, revision });
      store.prepare(SET_EXECUTION_REVISIONS).run(revision + 1, attempt.key);
      return 'behind';
    }
    if (revision < attempt.acked_revision) return 'taken';
    store.prepare(ACKNOWLEDGE_ATTEMPT).run({ revision, state, now: Date.now(), key: attempt.key });
    // Pulled pages are not acknowledged to the node one by one: once the attempt turns complete, its executions are
    // announced once more, for the answers' stored_through, without which prune removes nothing.
    if (state === 'complete' && attempt.acked_state !== 'complete')
      store.prepare(FORGET_UNVERIFIED_ACKS).run(attempt.key);
    return 'taken';
  });
}

export interface LogAck {
  executionId: string;
  epoch: number;
  storedThrough: number;
  /** The attempt's revision that the answered execution_sync carried; absent when a page was answered. */
  revision?: number;
}

/** Takes a log_ack in. */
export function acknowledgeLines(store: Store, ack: LogAck): AckOutcome {
  return store.write(() => {
    const execution = findExecution(store, ack.executionId);
    if (!execution) return 'unknown';
    const hiveIsAhead =
      ack.epoch > execution.log_epoch || (ack.epoch === execution.log_epoch && ack.storedThrough > execution.log_lines);
    if (hiveIsAhead) {
      const revision = raiseRevision(store, execution.attempt_key);
      store.prepare(RAISE_EPOCH).run({ key: execution.key, epoch: ack.epoch, revision });
      return 'behind';
    }
    store.prepare(ACKNOWLEDGE_LINES).run(ack.epoch, ack.storedThrough, execution.key);
    if (ack.revision !== undefined) store.prepare(ACKNOWLEDGE_EXECUTION).run(ack.revision, execution.key);
    return 'taken';
  });
}

/** Of the attempts that are complete in the hive the one that became so last; undefined: there is none. */
export function lastCompleted(store: Store): AttemptRow | undefined {
  return store.prepare<AttemptRow>(SELECT_LAST_COMPLETED).get();
}

/** What was acknowledged counts no more: everything is announced again. */
export function forgetAllAcks(store: Store): void {
  store.write(() => {
    store.prepare(FORGET_ALL_ATTEMPT_ACKS).run();
    store.prepare(FORGET_ALL_EXECUTION_ACKS).run();
  });
}

/** The hive does not know the attempt (any more): it and its executions are announced again. */
export function forgetAttemptAcks(store: Store, attemptKey: number): void {
  store.write(() => {
    store.prepare(FORGET_ATTEMPT_ACK).run(attemptKey);
    store.prepare(FORGET_EXECUTION_ACKS).run(attemptKey);
  });
}

/** The execution is announced again. */
export function forgetExecutionAck(store: Store, executionKey: number): void {
  store.write(() => store.prepare(FORGET_EXECUTION_ACK).run(executionKey));
}

/** Attempts that have ended and are not known to be complete are announced again, which tells whether they are by now. */
export function forgetIncompleteAcks(store: Store): void {
  store.write(() => {
    store.prepare(FORGET_INCOMPLETE_ACKS).run();
    store.prepare(FORGET_EXECUTION_ACKS_OF_UNACKED).run();
  });
}

/**
 * Notes which node the hive says this one is. Where that is another one than before (another hive, an emptied
 * database, a node that was deleted there), what was acknowledged counts no more: everything is announced again.
 * @returns whether that was so
 */
export function meetHive(store: Store, hiveNodeId: string): boolean {
  return store.write(() => {
    store.machineId(); // the row exists
    const former = store.one(store.prepare<{ hive_node_id: string | null }>(SELECT_HIVE_NODE)).hive_node_id;
    if (former === hiveNodeId) return false;
    store.prepare(SET_HIVE_NODE).run(hiveNodeId);
    if (former === null) return false;
    forgetAllAcks(store);
    return true;
  });
}
