/** Errors that come again and again during an outage, which must not fill the log. */
import { LRUCache } from 'lru-cache';

const LOG_MS = 60_000;
const MAX_REMEMBERED = 1000;

export class RepeatedErrors {
  readonly #logged: LRUCache<string, true>;

  /** @param logMs the same error is worth logging once in this time */
  constructor(logMs = LOG_MS) {
    this.#logged = new LRUCache({ max: MAX_REMEMBERED, ttl: logMs });
  }

  /** Counts the error as logged. @returns whether it is worth logging: a new one, or the first for a minute */
  isNew(error: unknown): boolean {
    const key = String(error);
    if (this.#logged.has(key)) return false;
    this.#logged.set(key, true);
    return true;
  }
}
