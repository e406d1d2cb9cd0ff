/** An attempt's stored lines, a page at a time, through whatever happens to the hive. */
import { setTimeout as sleep } from 'node:timers/promises';
import { bodyOf, isPassing, type Hive, type Schemas } from './api.js';
import { Patience, RESTART_MS } from './patience.js';

export type LogEntry = Schemas['LogEntry'];
type LogPage = Schemas['LogPage'];

export interface LogFilter {
  execution_id?: string;
  output_type?: LogEntry['output_type'];
}

/** Few requests, and a page that is there at once. */
const PAGE = 5_000;
const PAGE_TIMEOUT_MS = 60_000;

export class LogPages {
  readonly #hive: Hive;
  readonly #attemptId: string;
  readonly #filter: LogFilter;
  readonly #patienceMs: number;
  #hasAnswered = false;

  /** @param patienceMs how long a hive that was there may be away */
  constructor(hive: Hive, attemptId: string, filter: LogFilter, patienceMs = RESTART_MS) {
    this.#hive = hive;
    this.#attemptId = attemptId;
    this.#filter = filter;
    this.#patienceMs = patienceMs;
  }

  /**
   * The lines after an entry or a cursor, up to what is stored now. The next page is on its way while one is used.
   * @returns the cursor to go on from; null if nothing more will come
   */
  async *forward(after: string | undefined): AsyncGenerator<LogEntry[], string | null, undefined> {
    let next = this.#page(after, 'forward');
    for (;;) {
      const { entries, next_cursor: cursor, has_more: hasMore } = await next;
      if (!hasMore || cursor === null) {
        yield entries;
        return cursor;
      }
      next = this.#page(cursor, 'forward');
      next.catch(() => undefined); // it is thrown when its turn comes
      yield entries;
    }
  }

  /** The lines from the end, or from before an entry: the last first. @param limit of the first page, if little is needed */
  async *backward(limit = PAGE, executionId?: string): AsyncGenerator<LogEntry[], void, undefined> {
    let cursor: string | undefined;
    for (let size = Math.min(limit, PAGE); ; size = PAGE) {
      const page = await this.#page(cursor, 'backward', size, executionId);
      yield page.entries;
      if (!page.has_more || page.next_cursor === null) return;
      cursor = page.next_cursor;
    }
  }

  async #page(cursor: string | undefined, direction: 'forward' | 'backward', limit = PAGE, executionId?: string) {
    const patience = new Patience(this.#hive.address.url);
    const query = {
      ...this.#filter,
      ...(executionId !== undefined && { execution_id: executionId }),
      ...(cursor !== undefined && { cursor }),
      direction,
      limit,
    };
    for (;;) {
      try {
        const page: LogPage = await bodyOf(
          this.#hive.api.GET('/v1/swarm/attempts/{id}/logs', {
            params: { path: { id: this.#attemptId }, query },
            signal: AbortSignal.timeout(PAGE_TIMEOUT_MS),
          }),
        );
        this.#hasAnswered = true;
        patience.reward();
        return page;
      } catch (error) {
        if (!this.#hasAnswered || !isPassing(error)) throw error;
        const waitMs = patience.punish();
        if (patience.awayMs > this.#patienceMs) throw error;
        await sleep(waitMs);
      }
    }
  }
}
