/** The one door to Temporal: every call that asks for, finds, follows or cancels a backfill goes through it. */
import { isGrpcServiceError, ServiceError, type Client } from '@temporalio/client';
import pTimeout from 'p-timeout';

/**
 * How long each kind of caller waits for Temporal, and what it means to that caller if Temporal is not there.
 * @format ms
 */
export const TEMPORAL_DEADLINE_MS = {
  /** A read or a node's socket: it goes on without an answer. The next read or the schedule asks again. */
  request: 500,
  /** A person or a program that manages backfills: the API answers 503 `temporal_unavailable`. */
  management: 5_000,
  /** An activity: it fails, and its retry policy decides. */
  activity: 10_000,
} as const;

export type TemporalCaller = keyof typeof TEMPORAL_DEADLINE_MS;

/** Temporal is not connected, can't be reached, or does not answer in time. Try again later. */
export class TemporalUnavailableError extends Error {
  override readonly name = 'TemporalUnavailableError';
  readonly code = 'temporal_unavailable';
}

export class TemporalDoor {
  #client: Client | undefined;

  /** Opens the door, once the process is connected. It stays open while Temporal is away: calls fail then. */
  open(client: Client): void {
    this.#client = client;
  }

  /**
   * Makes calls to Temporal that end within the caller's deadline.
   * @throws TemporalUnavailableError, or what the action throws about a workflow
   */
  async call<T>(caller: TemporalCaller, action: (client: Client) => Promise<T>): Promise<T> {
    const client = this.#client;
    if (!client) throw new TemporalUnavailableError('Temporal is not connected');
    const milliseconds = TEMPORAL_DEADLINE_MS[caller];
    // the client's own retries can outlast its deadline
    const message = new TemporalUnavailableError(`Temporal did not answer within ${milliseconds / 1000} s`);
    try {
      const answer = client.withDeadline(Date.now() + milliseconds, () => action(client));
      return await pTimeout(answer, { milliseconds, message });
    } catch (error) {
      if (error instanceof ServiceError || isGrpcServiceError(error)) {
        throw new TemporalUnavailableError(error.message, { cause: error });
      }
      throw error;
    }
  }

  /**
   * Follows something that lasts, for as long as the signal allows.
   * @throws TemporalUnavailableError if the door is closed, or what the action throws
   */
  async follow<T>(signal: AbortSignal, action: (client: Client) => Promise<T>): Promise<T> {
    const client = this.#client;
    if (!client) throw new TemporalUnavailableError('Temporal is not connected');
    return client.withAbortSignal(signal, () => action(client));
  }
}
