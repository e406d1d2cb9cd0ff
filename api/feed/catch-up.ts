/** Has the feed catch up before it is read, so that a reader finds what was committed before its request. */
import { setTimeout as sleep } from 'node:timers/promises';
import pTimeout from 'p-timeout';
import type { Database } from '../../prisma/database.js';
import { numberChanges } from '../../prisma/queries/feed/number-changes.js';

const AGAIN_MS = 10;
/** What takes longer is left to the hive's own loop, which then takes less at a time. */
const ANSWER_MS = 2000;

export class CatchUp {
  readonly #database: Database;
  readonly #patienceMs: number;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  /** @param patienceMs a read waits no longer: the hive's own loop goes on with what is left */
  constructor(database: Database, patienceMs: number) {
    this.#database = database;
    this.#patienceMs = patienceMs;
  }

  /** Numbers what has been committed by now. Never fails: without it a read is a moment behind. */
  async now(): Promise<void> {
    const done = this.#running === undefined ? this.#start() : (this.#next ??= this.#running.then(() => this.#start()));
    await pTimeout(done, { milliseconds: this.#patienceMs, fallback: () => undefined });
  }

  /** One that runs may have begun too early for whoever comes now, so that all who come meanwhile share the next. */
  #start(): Promise<void> {
    this.#next = undefined;
    const running = this.#number().catch(() => undefined);
    this.#running = running;
    void running.then(() => {
      if (this.#running === running) this.#running = undefined;
    });
    return running;
  }

  async #number(): Promise<void> {
    const answerMs = Math.max(ANSWER_MS, this.#patienceMs);
    for (const deadline = performance.now() + this.#patienceMs; performance.now() < deadline;) {
      const { hasMore, isElsewhere } = await numberChanges(this.#database, { answerMs });
      if (!hasMore && !isElsewhere) return;
      if (isElsewhere) await sleep(AGAIN_MS);
    }
  }
}
