/** Announces attempts and executions to the hive, again and again until it has acknowledged them. */
import { MAX_UNACKNOWLEDGED_METADATA } from '../../../protocol/limits.js';
import type { FrameData, HiveFrame, SyncRefusalCode } from '../../../protocol/frames.js';
import type { Logger } from '../../log.js';
import {
  acknowledgeAttempt,
  acknowledgeLines,
  forgetAttemptAcks,
  refuseAttempt,
  type AckOutcome,
} from '../../store/acknowledgements.js';
import { findAttempt, getAttempt, pendingAttempts } from '../../store/attempts.js';
import { pendingExecutions } from '../../store/executions.js';
import type { Store } from '../../store/open.js';
import { attemptSync, executionSync, type ExecutionRow } from '../../store/rows.js';
import type { Answers } from './answers.js';
import type { Outbox } from '../outbox.js';
import { singleFlight } from './single-flight.js';

const BATCH = 256;
const RESEND_MS = 10_000;
const MAX_RESEND_MS = 600_000;
const REFUSED_MS = 1000;
/**
 * Pause between two rounds that announce the executions of complete attempts: when many attempts become complete, as
 * after a reconnect, the hive can store the executions of many together.
 */
const VERIFY_MS = 500;

const REFUSALS: Record<SyncRefusalCode, string> = {
  belongs_to_another_node:
    'the hive has this attempt from another node, and takes nothing of it from this one; the attempt is set aside',
  execution_of_another_attempt:
    'the hive has an execution of this attempt as part of another attempt; the attempt is set aside',
  deleted: 'an admin has deleted this attempt at the hive; it is to be deleted here, too',
};

/** A frame that awaits its answer. A newer change of the same row waits until then. */
interface Unanswered {
  revision: number;
  sends: number;
  resendAt: number;
}

export interface AnnouncerOptions {
  store: Store;
  outbox: Outbox;
  answers: Answers;
  logger: Logger;
  /** @returns whether an execution has ended while its last lines are still being pushed */
  defersEnd: (execution: ExecutionRow) => boolean;
  /** @default 10000 */
  resendMs?: number;
}

export class Announcer {
  readonly #options: AnnouncerOptions;
  readonly #attempts = new Map<string, Unanswered>();
  readonly #executions = new Map<string, Unanswered>();
  /** Attempts announced so far; undefined once `announced` has been sent. */
  #counted: Set<string> | undefined = new Set();
  /** Whether something waits for room in the window, or for the answer to an earlier frame about the same row. */
  #hasDeferred = false;
  /** When the last round of {@link VERIFY_MS} began, by performance.now. */
  #verifiedAt = -VERIFY_MS;
  #verification: NodeJS.Timeout | undefined;
  /** Announces what the hive has not acknowledged. */
  readonly pump: () => void;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
    this.pump = singleFlight(() => this.#pass(), options, 'announcing failed');
  }

  /** Sends what was deferred, and again what has not been answered in time. To be called about every second. */
  tick(): void {
    if ((this.#hasDeferred || this.#unanswered() > 0) && !this.#options.outbox.blocked) this.pump();
  }

  /** Handles a sync_ack. */
  attemptAcknowledged({ attempt_id: id, revision, sync_state }: FrameData<HiveFrame, 'sync_ack'>): void {
    const outcome = acknowledgeAttempt(this.#options.store, id, revision, sync_state);
    const unanswered = this.#attempts.get(id);
    if (unanswered && revision >= unanswered.revision) this.#attempts.delete(id);
    if (outcome === 'behind')
      this.#options.logger.warn(
        { attempt_id: id, revision },
        'the hive knows a newer revision than this store; announcing again',
      );
    if (outcome === 'unknown') {
      const error = 'this node has no such attempt';
      this.#options.outbox.sendNow({ type: 'error', data: { message_id: id, error } });
    }
    if (sync_state === 'complete') this.#verify();
    this.#goOn(outcome);
  }

  /** Handles a log_ack that answers an execution_sync. */
  executionAcknowledged(
    { execution_id, log_epoch, stored_through }: FrameData<HiveFrame, 'log_ack'>,
    revision: number,
  ): AckOutcome {
    const ack = { executionId: execution_id, epoch: log_epoch, storedThrough: stored_through, revision };
    const outcome = acknowledgeLines(this.#options.store, ack);
    this.#executions.delete(execution_id);
    if (outcome === 'behind')
      this.#options.logger.warn(
        { execution_id, log_epoch, stored_through },
        'the hive has more lines than this store; starting a new log_epoch',
      );
    this.#goOn(outcome);
    return outcome;
  }

  /** Handles a sync_refused: sets the attempt aside. */
  attemptRefused({ attempt_id: id, execution_id, revision, code }: FrameData<HiveFrame, 'sync_refused'>): void {
    if (refuseAttempt(this.#options.store, id, revision, code)) {
      this.#options.logger.warn({ attempt_id: id, code }, REFUSALS[code]);
    }
    const unanswered = this.#attempts.get(id);
    if (unanswered && revision >= unanswered.revision) this.#attempts.delete(id);
    if (execution_id != null) this.#executions.delete(execution_id);
    this.#goOn('taken');
  }

  /** Handles the refusal of an execution_sync. @param unknown whether the hive does not know what it belongs to */
  executionRefused(executionId: string, attemptId: string | undefined, unknown: boolean): void {
    const unanswered = this.#executions.get(executionId);
    if (unanswered) {
      unanswered.resendAt = performance.now() + Math.min(REFUSED_MS * 2 ** (unanswered.sends - 1), MAX_RESEND_MS);
    }
    if (unknown && attemptId !== undefined) this.announceAgain(attemptId);
  }

  /** Announces an attempt that the hive does not know, with its executions, from the start. */
  announceAgain(attemptId: string): void {
    const attempt = findAttempt(this.#options.store, attemptId);
    if (attempt?.refused !== null) return;
    forgetAttemptAcks(this.#options.store, attempt.key);
    this.pump();
  }

  /** Nothing of the attempt awaits an answer any more: it is deleted. */
  forget(attemptId: string): void {
    this.#attempts.delete(attemptId);
    this.pump();
  }

  stop(): void {
    clearTimeout(this.#verification);
  }

  /** After an acknowledgement: announces what is new at once, and what was deferred once half the window is free. */
  #goOn(outcome: AckOutcome): void {
    const hasRoom = this.#unanswered() <= MAX_UNACKNOWLEDGED_METADATA / 2;
    if (outcome === 'behind' || (this.#hasDeferred && hasRoom)) this.pump();
  }

  /** Announces executions whose lines the hive has not confirmed: at once, or with those of the next half second. */
  #verify(): void {
    this.#verification ??= setTimeout(
      () => {
        this.#verification = undefined;
        this.#verifiedAt = performance.now();
        this.pump();
      },
      Math.max(0, this.#verifiedAt + VERIFY_MS - performance.now()),
    );
  }

  #unanswered(): number {
    return this.#attempts.size + this.#executions.size;
  }

  /** @returns whether the window is full; if so, something is now deferred */
  #isFull(): boolean {
    const isFull = this.#unanswered() >= MAX_UNACKNOWLEDGED_METADATA;
    this.#hasDeferred ||= isFull;
    return isFull;
  }

  async #pass(): Promise<void> {
    this.#hasDeferred = false;
    try {
      await this.#announcePending();
    } catch (error) {
      this.#hasDeferred = true;
      throw error;
    }
  }

  async #announcePending(): Promise<void> {
    const { store, outbox } = this.#options;
    let after = 0;
    for (;;) {
      const keys = pendingAttempts(store, after, BATCH);
      for (const key of keys) {
        if (!(await this.#announce(key))) return;
        after = key;
      }
      if (keys.length < BATCH) break;
    }
    if (this.#counted) {
      const count = this.#counted.size;
      this.#counted = undefined;
      await outbox.send({ type: 'announced', data: { count } });
    }
  }

  /** @returns false if the window is full */
  async #announce(key: number): Promise<boolean> {
    const { store, outbox, answers, defersEnd } = this.#options;
    const attempt = getAttempt(store, key);
    if (!attempt) return true;
    const executions = pendingExecutions(store, key);
    if (executions.some(defersEnd)) return true;

    if (attempt.revision > attempt.acked_revision) {
      const before = this.#attempts.get(attempt.id);
      if (isDue(before)) {
        if (!before && this.#isFull()) return false;
        this.#attempts.set(attempt.id, this.#sent(before, attempt.revision));
        this.#counted?.add(attempt.id);
        await outbox.send({ type: 'attempt_sync', data: attemptSync(attempt) });
      } else if (before && before.revision < attempt.revision) {
        this.#hasDeferred = true;
        return true; // its executions must follow the attempt_sync of their revision
      }
    }
    for (const execution of executions) {
      const before = this.#executions.get(execution.id);
      if (!isDue(before)) {
        this.#hasDeferred ||= before !== undefined && before.revision < execution.attempt_revision;
        continue;
      }
      if (!before && this.#isFull()) return false;
      this.#executions.set(execution.id, this.#sent(before, execution.attempt_revision));
      answers.sentSync(execution.id, execution.attempt_revision);
      await outbox.send({ type: 'execution_sync', data: executionSync(execution) });
    }
    return true;
  }

  /** A frame that is never answered is sent less and less often, so that such frames do not starve the others. */
  #sent(before: Unanswered | undefined, revision: number): Unanswered {
    const sends = (before?.sends ?? 0) + 1;
    const delay = Math.min((this.#options.resendMs ?? RESEND_MS) * 2 ** (sends - 1), MAX_RESEND_MS);
    return { revision, sends, resendAt: performance.now() + delay };
  }
}

function isDue(before: Unanswered | undefined): boolean {
  return before === undefined || before.resendAt <= performance.now();
}
