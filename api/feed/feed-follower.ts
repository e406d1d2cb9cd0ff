/** Follows the feed: one poll for all streams of the process, and one read for all streams at the same place. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Database } from '../../prisma/database.js';
import type { OrganizationScope } from '../../prisma/organization-scope.js';
import { listLastPositions } from '../../prisma/queries/feed/list-changes.js';
import { untilWoken } from '../until-woken.js';
import type { CatchUp } from './catch-up.js';
import { readChanges, type Changes } from './read-changes.js';

/** How much a stream reads at a time: a slow reader keeps it in memory. */
const BATCH = 200;

interface Followed {
  followers: number;
  last: bigint;
  waiting: Set<() => void>;
}

export interface FeedFollowerDeps {
  database: Database;
  logger: Logger;
  catchUp: CatchUp;
  intervalMs: number;
}

export class FeedFollower {
  readonly #deps: FeedFollowerDeps;
  readonly #followed = new Map<string, Followed>();
  /** Reads since the last poll, by what they read. */
  readonly #reads = new Map<string, Promise<Changes>>();
  #isPolling = false;

  constructor(deps: FeedFollowerDeps) {
    this.#deps = deps;
  }

  /** Starts to watch an organisation's feed. @returns a function to call when done with it */
  follow(organizationId: string): () => void {
    const followed = this.#followed.get(organizationId) ?? { followers: 0, last: -1n, waiting: new Set() };
    this.#followed.set(organizationId, followed);
    followed.followers++;
    if (!this.#isPolling) void this.#poll();
    return () => {
      if (--followed.followers === 0) this.#followed.delete(organizationId);
    };
  }

  /** Waits until there is a change that `read` may not have seen, the time is up, or the signal aborts. */
  async changed(organizationId: string, seen: bigint, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    const followed = this.#followed.get(organizationId);
    if (!followed || signal.aborted) return false;
    if (followed.last > seen) return true;
    await untilWoken(followed.waiting, timeoutMs, signal);
    return followed.last > seen;
  }

  /** Reads what comes after a position. Streams at the same place share one read until the next poll. */
  read(scope: OrganizationScope, after: bigint): Promise<Changes> {
    const key = `${scope.organizationId} ${after}`;
    let read = this.#reads.get(key);
    if (!read) {
      read = readChanges(scope, after, BATCH);
      this.#reads.set(key, read);
      const forget = (): void => {
        if (this.#reads.get(key) === read) this.#reads.delete(key);
      };
      read.then(({ changes }) => {
        // a stream that is told of a change and finds nothing must read anew, and not the same again without end
        if (changes.length === 0) forget();
      }, forget);
    }
    return read;
  }

  async #poll(): Promise<void> {
    const { database, logger, catchUp, intervalMs } = this.#deps;
    this.#isPolling = true;
    while (this.#followed.size > 0) {
      await sleep(intervalMs);
      await catchUp.now();
      this.#reads.clear();
      try {
        await this.#compare(database);
      } catch (error) {
        logger.warn({ err: error }, 'could not check the feed for changes');
      }
    }
    this.#reads.clear();
    this.#isPolling = false;
  }

  async #compare(database: Database): Promise<void> {
    for (const { organizationId, position } of await listLastPositions(database, [...this.#followed.keys()])) {
      const followed = this.#followed.get(organizationId);
      if (!followed || followed.last === position) continue;
      followed.last = position;
      for (const wake of [...followed.waiting]) wake();
    }
  }
}
