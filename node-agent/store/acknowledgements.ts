/** What the hive has acknowledged, and what to do if it has more than this store. */
import type { SyncRefusalCode, SyncState } from '../../protocol/frames.js';
import { findAttempt, raiseRevision } from './attempts.js';
import { findExecution } from './executions.js';
import type { Store } from './open.js';
import {
  ACKNOWLEDGE_ATTEMPT,
  ACKNOWLEDGE_EXECUTION,
  ACKNOWLEDGE_LINES,
  DELETE_MARKERS_AFTER,
  FORGET_ALL_ATTEMPT_ACKS,
  FORGET_ALL_EXECUTION_ACKS,
  FORGET_ATTEMPT_ACK,
  FORGET_EXECUTION_ACK,
  FORGET_EXECUTION_ACKS,
  FORGET_EXECUTION_ACKS_OF_UNACKED,
  FORGET_INCOMPLETE_ACKS,
  FORGET_UNVERIFIED_ACKS,
  PASS_OVER_EXECUTIONS,
  RAISE_EPOCH,
  RAISE_REVISION_ABOVE,
  REFUSE_ATTEMPT,
  SELECT_HIVE_NODE,
  SET_EXECUTION_REVISIONS,
  SET_HIVE_NODE,
} from './sql.js';

/** `behind`: this store was older than the hive's copy. It has moved past it, and must announce again. */
export type AckOutcome = 'taken' | 'behind' | 'unknown';

/** Stores a sync_ack. */
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
    if (attempt.refused !== null) {
      if (revision === attempt.acked_revision) return 'taken'; // it is about what was refused
      store.prepare(FORGET_EXECUTION_ACKS).run(attempt.key);
    }
    store.prepare(ACKNOWLEDGE_ATTEMPT).run({ revision, state, key: attempt.key });
    // The hive does not acknowledge pulled pages one by one. Once the attempt becomes complete, its executions are
    // announced once more, because prune needs the stored_through of the answers.
    if (state === 'complete' && attempt.acked_state !== 'complete')
      store.prepare(FORGET_UNVERIFIED_ACKS).run(attempt.key);
    return 'taken';
  });
}

/**
 * Sets an attempt aside that the hive takes nothing of from this node. It is announced again once it changes.
 * @returns whether this is new
 */
export function refuseAttempt(store: Store, attemptId: string, revision: number, code: SyncRefusalCode): boolean {
  return store.write(() => {
    const attempt = findAttempt(store, attemptId);
    if (!attempt) return false;
    store.prepare(REFUSE_ATTEMPT).run({ key: attempt.key, revision, code });
    store.prepare(PASS_OVER_EXECUTIONS).run(attempt.key);
    return attempt.refused !== code;
  });
}

export interface LogAck {
  executionId: string;
  epoch: number;
  storedThrough: number;
  /** The attempt's revision in the execution_sync that this answers; absent if it answers a page. */
  revision?: number;
}

/** Stores a log_ack. */
export function acknowledgeLines(store: Store, ack: LogAck): AckOutcome {
  return store.write(() => {
    const execution = findExecution(store, ack.executionId);
    if (!execution) return 'unknown';
    const hiveIsAhead =
      ack.epoch > execution.log_epoch || (ack.epoch === execution.log_epoch && ack.storedThrough > execution.log_lines);
    if (hiveIsAhead && execution.pruned === 0) {
      const revision = raiseRevision(store, execution.attempt_key);
      store.prepare(RAISE_EPOCH).run({ key: execution.key, epoch: ack.epoch, revision });
      return 'behind';
    }
    store.prepare(ACKNOWLEDGE_LINES).run(ack.epoch, ack.storedThrough, execution.key);
    if (ack.revision !== undefined) store.prepare(ACKNOWLEDGE_EXECUTION).run(ack.revision, execution.key);
    return 'taken';
  });
}

/** Everything is announced again, also what the hive has refused. @returns the number of attempts */
export function forgetAllAcks(store: Store): number {
  return store.write(() => {
    store.prepare(FORGET_ALL_EXECUTION_ACKS).run();
    return store.prepare(FORGET_ALL_ATTEMPT_ACKS).run().changes;
  });
}

/** The attempt and its executions are announced again: the hive does not know them, or no longer. */
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

/** Ended attempts that are not known to be complete are announced again, to learn whether they are complete by now. */
export function forgetIncompleteAcks(store: Store): void {
  store.write(() => {
    store.prepare(FORGET_INCOMPLETE_ACKS).run();
    store.prepare(FORGET_EXECUTION_ACKS_OF_UNACKED).run();
  });
}

/** @returns the id that the hive has for this node; null if it has never connected */
export function idAtHive(store: Store): string | null {
  return store.prepare<{ hive_node_id: string | null }>(SELECT_HIVE_NODE).get()?.hive_node_id ?? null;
}

/**
 * Stores the id that the hive has for this node. If it is another one than before (another hive, an emptied database,
 * a node that was deleted there), former acknowledgements no longer count and everything is announced again.
 * @returns whether it is another one
 */
export function meetHive(store: Store, hiveNodeId: string): boolean {
  return store.write(() => {
    store.machineId(); // makes sure that the row exists
    const former = idAtHive(store);
    if (former === hiveNodeId) return false;
    store.prepare(SET_HIVE_NODE).run(hiveNodeId);
    if (former === null) return false;
    forgetAllAcks(store);
    store.prepare(DELETE_MARKERS_AFTER).run(0);
    return true;
  });
}
