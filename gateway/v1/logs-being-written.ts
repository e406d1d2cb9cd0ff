/** Attempts whose logs a node may still be writing, although their executions have ended. Asking for them now is too early. */
import { LRUCache } from 'lru-cache';
import { isLogBeingWritten, LOG_WRITTEN_MS, timeSince } from '../../prisma/queries/v1/finish-backfill.js';

/** The backfill of one that is forgotten begins too early, and is made once more. */
const MAX_ATTEMPTS = 1000;

export class LogsBeingWritten {
  readonly #attempts = new LRUCache<string, true>({ max: MAX_ATTEMPTS, ttl: LOG_WRITTEN_MS });

  /** An execution of the attempt has ended. @param nodeTime the time now by the node's clock, in ms since 1970 */
  noteEnd(attemptId: string, completedAt: string, nodeTime: number): void {
    const since = timeSince(completedAt, nodeTime);
    if (isLogBeingWritten(since)) this.waitFor(attemptId, LOG_WRITTEN_MS - since);
  }

  /** The logs may not be whole for this long from now on. @param ms never shortens a wait; 0 makes none */
  waitFor(attemptId: string, ms: number): void {
    // never 0, which would be for ever
    if (ms > this.remainingMs(attemptId)) this.#attempts.set(attemptId, true, { ttl: ms });
  }

  /** @returns for how long the logs may not be whole; 0 if they must be by now */
  remainingMs(attemptId: string): number {
    return Math.max(0, this.#attempts.getRemainingTTL(attemptId));
  }
}
