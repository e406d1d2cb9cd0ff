/** The only way to Temporal: every call that requests, finds, follows or cancels a backfill goes through it. */
import { isGrpcServiceError, ServiceError } from '@temporalio/client';
import pLimit from 'p-limit';
import pTimeout from 'p-timeout';
import type { InstallationClient } from './installation.js';

/**
 * How long each kind of caller waits for Temporal, and what happens to the caller if Temporal does not answer.
 * @format ms
 */
export const TEMPORAL_DEADLINE_MS = {
  /** A read or a node's socket: goes on without an answer. The next read or the schedule asks again. */
  request: 500,
  /** A person or a program that manages backfills: the API answers 503 `temporal_unavailable`. */
  management: 5_000,
  /** An activity: it fails, and its retry policy decides what happens next. */
  activity: 10_000,
} as const;

/**
 * The maximum number of long polls of this process; others wait for their turn. Temporal allows 1,200 for a namespace
 * at each of its frontends, and the workers of all hives need some of them.
 */
const LONG_POLLS = 100;

/** When the time is up, an answer that has come already, but that a busy process has not seen yet, still counts. */
const LENIENT_TIMERS = {
  setTimeout: ((late: () => void, ms: number) => setTimeout(() => setImmediate(late), ms)) as typeof setTimeout,
  clearTimeout,
};

export type TemporalCaller = keyof typeof TEMPORAL_DEADLINE_MS;

/** The process has not connected to Temporal yet, or Temporal can't be reached, refuses, or does not answer in time. */
export class TemporalUnavailableError extends Error {
  override readonly name = 'TemporalUnavailableError';
  readonly code = 'temporal_unavailable';
}

export class TemporalDoor {
  readonly #deadlineMs: Readonly<Record<TemporalCaller, number>>;
  #client: InstallationClient | undefined;
  readonly #longPolls = pLimit(LONG_POLLS);

  constructor(deadlineMs: Partial<Record<TemporalCaller, number>> = {}) {
    this.#deadlineMs = { ...TEMPORAL_DEADLINE_MS, ...deadlineMs };
  }

  /** Opens the door once the process has connected. It stays open even if Temporal goes away later; calls then fail. */
  open(client: InstallationClient): void {
    this.#client = client;
  }

  /**
   * Runs an action that calls Temporal, within the caller's deadline.
   * @throws TemporalUnavailableError, or what the action throws about a workflow
   */
  async call<T>(caller: TemporalCaller, action: (client: InstallationClient) => Promise<T>): Promise<T> {
    const client = this.#client;
    if (!client) throw new TemporalUnavailableError('Temporal is not connected');
    const milliseconds = this.#deadlineMs[caller];
    const fallback = () => {
      throw new TemporalUnavailableError(`Temporal did not answer within ${milliseconds / 1000} s`);
    };
    try {
      const answer = client.withDeadline(Date.now() + milliseconds, () => action(client));
      // the client's own retries can outlast its deadline
      return await pTimeout(answer, { milliseconds, fallback, customTimers: LENIENT_TIMERS });
    } catch (error) {
      if (error instanceof ServiceError || isGrpcServiceError(error)) {
        throw new TemporalUnavailableError(error.message, { cause: error });
      }
      throw error;
    }
  }

  /**
   * Runs an action that may take long, such as waiting for a workflow's result, until the signal aborts it. The number
   * of those that run at once is limited; others wait for their turn.
   * @throws TemporalUnavailableError if the door is not open yet, or what the action throws
   */
  async follow<T>(signal: AbortSignal, action: (client: InstallationClient) => Promise<T>): Promise<T> {
    const client = this.#client;
    if (!client) throw new TemporalUnavailableError('Temporal is not connected');
    return this.#longPolls(() => {
      signal.throwIfAborted();
      return client.withAbortSignal(signal, () => action(client));
    });
  }
}
