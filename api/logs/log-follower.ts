/** Follows growing logs: one poll for all streams of the process, and one read for all streams at the same place. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Database } from '../../prisma/database.js';
import type { OrganizationScope } from '../../prisma/organization-scope.js';
import { listFollowedLogs, type LogFilter, type LogTotals } from '../../prisma/queries/read-log.js';
import { untilWoken } from '../until-woken.js';
import { encodeCursor, type ForwardCursor } from './cursor.js';
import { formatEntries } from './format-events.js';
import { findLog, readFrom } from './log-reader.js';
import type { ForwardRead } from './read-forward.js';

/** What a stream reads at a time: small, because a slow reader keeps it in memory. */
const BATCH = { limit: 1000, maxCharacters: 512 * 1024 };

interface Followed {
  followers: number;
  fingerprint: string | undefined;
  /** Incremented by every change. */
  version: number;
  waiting: Set<() => void>;
}

export interface FollowedRead extends Pick<ForwardRead, 'cursor' | 'hasMore'> {
  /** The entries as events, made once for all streams that share the read. */
  events: Buffer[];
  /** As they were before the read. */
  totals: LogTotals;
}

export class LogFollower {
  readonly #database: Database;
  readonly #logger: Logger;
  readonly #intervalMs: number;
  readonly #followed = new Map<string, Followed>();
  /** Reads since the last poll, by what they read. */
  readonly #reads = new Map<string, Promise<FollowedRead>>();
  #polling = false;

  constructor(database: Database, logger: Logger, intervalMs: number) {
    this.#database = database;
    this.#logger = logger;
    this.#intervalMs = intervalMs;
  }

  /** Starts to watch an attempt's log. @returns a function to call when done with it */
  follow(attemptId: string): () => void {
    const followed = this.#followed.get(attemptId) ?? {
      followers: 0,
      fingerprint: undefined,
      version: 0,
      waiting: new Set(),
    };
    this.#followed.set(attemptId, followed);
    followed.followers++;
    if (!this.#polling) void this.#poll();
    return () => {
      if (--followed.followers === 0) this.#followed.delete(attemptId);
    };
  }

  version(attemptId: string): number {
    return this.#followed.get(attemptId)?.version ?? 0;
  }

  /** Waits until the log is no longer at `version`, the time is up, or the signal aborts. */
  async changed(attemptId: string, version: number, timeoutMs: number, signal: AbortSignal): Promise<void> {
    const followed = this.#followed.get(attemptId);
    if (followed?.version !== version || signal.aborted) return;
    await untilWoken(followed.waiting, timeoutMs, signal);
  }

  /** Reads what comes after the cursor. Streams at the same place share one read until the next poll. */
  read(scope: OrganizationScope, attemptId: string, cursor: ForwardCursor, filter: LogFilter): Promise<FollowedRead> {
    const key = [scope.organizationId, attemptId, filter.executionId, filter.outputType, encodeCursor(cursor)].join();
    let read = this.#reads.get(key);
    if (!read) {
      read = this.#readNow(scope, attemptId, cursor, filter);
      this.#reads.set(key, read);
      read.catch(() => this.#reads.delete(key));
    }
    return read;
  }

  async #readNow(
    scope: OrganizationScope,
    attemptId: string,
    cursor: ForwardCursor,
    filter: LogFilter,
  ): Promise<FollowedRead> {
    const totals = await findLog(scope, attemptId, filter);
    const read = await readFrom(scope, attemptId, cursor, { filter, ...BATCH });
    return { events: formatEntries(read.segments), cursor: read.cursor, hasMore: read.hasMore, totals };
  }

  async #poll(): Promise<void> {
    this.#polling = true;
    while (this.#followed.size > 0) {
      await sleep(this.#intervalMs);
      try {
        await this.#compare();
      } catch (error) {
        this.#logger.warn({ err: error }, 'could not check followed logs for changes');
      }
    }
    this.#polling = false;
  }

  async #compare(): Promise<void> {
    const rows = await listFollowedLogs(this.#database, [...this.#followed.keys()]);
    this.#reads.clear(); // now, because what was read since the poll began may lack what it has found
    const fingerprints = new Map(rows.map((row) => [row.attemptId, row.fingerprint]));
    for (const [attemptId, followed] of this.#followed) {
      const fingerprint = fingerprints.get(attemptId) ?? 'deleted';
      if (fingerprint === followed.fingerprint) continue;
      followed.fingerprint = fingerprint;
      followed.version++;
      for (const wake of [...followed.waiting]) wake();
    }
  }
}
