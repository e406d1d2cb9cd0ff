/** Tells the hive about attempts and executions, and again until it has acknowledged them. */
import { MAX_UNACKNOWLEDGED_METADATA } from '../../../protocol/limits.js';
import type { FrameData, HiveFrame, SyncState } from '../../../protocol/frames.js';
import type { Logger } from '../../log.js';
import {
  acknowledgeAttempt,
  acknowledgeLines,
  forgetAllAcks,
  forgetAttemptAcks,
  lastCompleted,
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
 * Between two rounds of telling the executions of attempts that are complete: when many attempts become complete, as
 * after a reconnect, the hive takes those of many in together.
 */
const VERIFY_MS = 500;

/** A frame without an answer; a newer change of the same row waits until it is answered. */
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
  /** True for an execution that has ended while its last lines are still being pushed. */
  holdsBack: (execution: ExecutionRow) => boolean;
  /** @default 10000 */
  resendMs?: number;
}

export class Announcer {
  readonly #options: AnnouncerOptions;
  readonly #attempts = new Map<string, Unanswered>();
  readonly #executions = new Map<string, Unanswered>();
  /** Attempts told of before `announced`; undefined afterwards. */
  #counted: Set<string> | undefined = new Set();
  /** Something waits for room in the window, or for the answer to what was sent of it before. */
  #isHeldUp = false;
  /** What the hive should still have as complete. A hive that went back to a backup has lost what came last. */
  #probe: { attemptId: string; revision: number } | undefined;
  /** Of performance.now. */
  #verifiedAt = -VERIFY_MS;
  #verification: NodeJS.Timeout | undefined;
  /** Announces what the hive has not acknowledged. */
  readonly pump: () => void;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
    this.pump = singleFlight(() => this.#pass(), options, 'announcing failed');
  }

  /** Asks, by announcing it once more, whether the hive still has the attempt that became complete last. */
  probe(): void {
    const attempt = lastCompleted(this.#options.store);
    if (!attempt) return;
    this.#probe = { attemptId: attempt.id, revision: attempt.revision };
    this.#attempts.set(attempt.id, this.#sent(undefined, attempt.revision));
    this.#counted?.add(attempt.id);
    this.#options.outbox.sendNow({ type: 'attempt_sync', data: attemptSync(attempt) });
  }

  /** Sends again what has not been answered in time, and what was held up. To be called every second or so. */
  tick(): void {
    if ((this.#isHeldUp || this.#unanswered() > 0) && !this.#options.outbox.blocked) this.pump();
  }

  /** Takes a sync_ack in. */
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
    if (this.#probe?.attemptId === id && this.#probe.revision === revision) this.#probed(sync_state);
    this.#goOn(outcome);
  }

  /** Takes the log_ack in that answers an execution_sync. */
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

  /** An execution_sync was refused; `unknown`: the hive does not know what it belongs to. */
  executionRefused(executionId: string, attemptId: string | undefined, unknown: boolean): void {
    const unanswered = this.#executions.get(executionId);
    if (unanswered) {
      unanswered.resendAt = Date.now() + Math.min(REFUSED_MS * 2 ** (unanswered.sends - 1), MAX_RESEND_MS);
    }
    if (unknown && attemptId !== undefined) this.announceAgain(attemptId);
  }

  /** The hive does not know this attempt: announces it and its executions from the start. */
  announceAgain(attemptId: string): void {
    const attempt = findAttempt(this.#options.store, attemptId);
    if (!attempt) return;
    forgetAttemptAcks(this.#options.store, attempt.key);
    this.pump();
  }

  stop(): void {
    clearTimeout(this.#verification);
  }

  /** After an acknowledgement: what is new is told at once, what was held up when half the window is free. */
  #goOn(outcome: AckOutcome): void {
    const hasRoom = this.#unanswered() <= MAX_UNACKNOWLEDGED_METADATA / 2;
    if (outcome === 'behind' || (this.#isHeldUp && hasRoom)) this.pump();
  }

  /** Tells the executions whose lines the hive has not confirmed, at once or together with those of the next half second. */
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

  /** Notes that something waits where it is. */
  #isFull(): boolean {
    const isFull = this.#unanswered() >= MAX_UNACKNOWLEDGED_METADATA;
    this.#isHeldUp ||= isFull;
    return isFull;
  }

  async #pass(): Promise<void> {
    this.#isHeldUp = false;
    try {
      await this.#announcePending();
    } catch (error) {
      this.#isHeldUp = true;
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

  #probed(state: SyncState): void {
    this.#probe = undefined;
    if (state === 'complete') return;
    this.#options.logger.warn(
      'the hive lacks what it had acknowledged (an older database?); announcing everything again',
    );
    forgetAllAcks(this.#options.store);
    this.pump();
  }

  /** @returns false when the window is full */
  async #announce(key: number): Promise<boolean> {
    const { store, outbox, answers, holdsBack } = this.#options;
    const attempt = getAttempt(store, key);
    if (!attempt) return true;
    const executions = pendingExecutions(store, key);
    if (executions.some(holdsBack)) return true;

    if (attempt.revision > attempt.acked_revision) {
      const before = this.#attempts.get(attempt.id);
      if (isDue(before)) {
        if (!before && this.#isFull()) return false;
        this.#attempts.set(attempt.id, this.#sent(before, attempt.revision));
        this.#counted?.add(attempt.id);
        await outbox.send({ type: 'attempt_sync', data: attemptSync(attempt) });
      } else if (before && before.revision < attempt.revision) {
        this.#isHeldUp = true;
        return true; // its executions follow the attempt_sync of their revision
      }
    }
    for (const execution of executions) {
      const before = this.#executions.get(execution.id);
      if (!isDue(before)) {
        this.#isHeldUp ||= before !== undefined && before.revision < execution.attempt_revision;
        continue;
      }
      if (!before && this.#isFull()) return false;
      this.#executions.set(execution.id, this.#sent(before, execution.attempt_revision));
      answers.sentSync(execution.id, execution.attempt_revision);
      await outbox.send({ type: 'execution_sync', data: executionSync(execution) });
    }
    return true;
  }

  /** A frame that is never answered is sent ever more seldom, for its kind must not use up what others may send. */
  #sent(before: Unanswered | undefined, revision: number): Unanswered {
    const sends = (before?.sends ?? 0) + 1;
    const delay = Math.min((this.#options.resendMs ?? RESEND_MS) * 2 ** (sends - 1), MAX_RESEND_MS);
    return { revision, sends, resendAt: Date.now() + delay };
  }
}

function isDue(before: Unanswered | undefined): boolean {
  return before === undefined || before.resendAt <= Date.now();
}
