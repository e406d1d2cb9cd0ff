/** Writes the live pages of all nodes of this process. Pages that wait at the same time are stored by one statement. */
import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { Logger } from 'pino';
import { checkPage } from '../../protocol/page.js';
import type { Database } from '../../prisma/database.js';
import { storeLivePages, type LivePage, type StoredLivePage } from '../../prisma/queries/store-live-pages.js';
import { storePageIfFree, type CheckedPage, type StoreResult } from '../../prisma/queries/store-page.js';
import { isLocked, isTransientDatabaseError } from '../../prisma/errors.js';
import type { LogPage } from '../interface.js';
import type { SessionFence } from '../../prisma/session.js';

/** While this many statements run, pages wait for the next one. The more pages come, the larger it gets. */
const STATEMENTS_AT_ONCE = 2;
/** The maximum number of pages of one statement. */
const MAX_PAGES = 64;
/** The maximum size of the pages of one statement. A larger page has a statement of its own. */
const MAX_BYTES = 512 * 1024;
/** A page of a locked execution is tried again after the first of these pauses, then after twice as long, up to the last. */
const [FIRST_LOCKED_MS, LAST_LOCKED_MS] = [5, 640];
/** The maximum number of pages, of all nodes, that are being gunzipped. Each may become 8 MiB. */
const CHECKS_AT_ONCE = 4;

interface Waiting extends LivePage {
  settle: (result: StoreResult | PromiseLike<StoreResult>) => void;
}

export class LivePageWriter {
  readonly #database: Database;
  readonly #logger: Logger;
  #waiting: Waiting[] = [];
  #running = 0;
  readonly #checks = pLimit(CHECKS_AT_ONCE);

  constructor(database: Database, logger: Logger) {
    this.#database = database;
    this.#logger = logger;
  }

  /**
   * Checks a page and stores it as `storePages` does. Of each execution, only one page may be passed at a time.
   * @throws PageError, or an error that isLocked recognises if another transaction has the execution for a second
   */
  async store(session: SessionFence, received: LogPage): Promise<StoreResult> {
    const { gzip, firstSeq, lastSeq } = received;
    const content = await this.#checks(() => checkPage(gzip, firstSeq, lastSeq));
    const page = { ...received, content };
    return new Promise((settle) => {
      this.#waiting.push({ session, page, settle });
      if (this.#running < STATEMENTS_AT_ONCE) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running++;
    // wait for the pages that arrive in the same turn of the event loop
    await new Promise((resolve) => setImmediate(resolve));
    for (let batch = this.#nextBatch(); batch.length > 0; batch = this.#nextBatch()) {
      const stored = await this.#storeBatch(batch);
      for (const { session, page, settle } of batch) {
        const done = stored.get(page.executionId);
        // not stored together: the execution is locked, the page is the first of an epoch, or it has to be refused
        settle(done ? resultOf(page, done) : this.#storeAlone(session, page));
      }
    }
    this.#running--;
  }

  /**
   * @returns the pages that were stored, by execution. None if the statement failed: the caller then stores one by one.
   */
  async #storeBatch(batch: Waiting[]): Promise<Map<string, StoredLivePage>> {
    try {
      const stored = await storeLivePages(this.#database, batch);
      return new Map(stored.map((page) => [page.executionId, page]));
    } catch (error) {
      if (!isTransientDatabaseError(error)) {
        this.#logger.error({ err: error, pages: batch.length }, 'live pages could not be stored together');
      }
      return new Map();
    }
  }

  /** Waits for a lock without a connection, because other pages need that. */
  async #storeAlone(session: SessionFence, page: CheckedPage): Promise<StoreResult> {
    for (let pause = FIRST_LOCKED_MS; ; pause *= 2) {
      try {
        return await storePageIfFree(this.#database, session, page);
      } catch (error) {
        if (!isLocked(error) || pause > LAST_LOCKED_MS) throw error;
        await sleep(pause);
      }
    }
  }

  /** At most one page of each execution, because the statement does not see what it has written itself. */
  #nextBatch(): Waiting[] {
    const batch = new Map<string, Waiting>();
    const later: Waiting[] = [];
    let bytes = 0;
    for (const item of this.#waiting) {
      const { executionId, gzip } = item.page;
      const fits = batch.size === 0 || (batch.size < MAX_PAGES && bytes + gzip.length <= MAX_BYTES);
      if (!fits || batch.has(executionId)) {
        later.push(item);
        continue;
      }
      bytes += gzip.length;
      batch.set(executionId, item);
    }
    this.#waiting = later;
    return [...batch.values()];
  }
}

function resultOf({ lastSeq }: CheckedPage, { attemptId, lastOfEnded }: StoredLivePage): StoreResult {
  return { stored: true, attemptId, storedThrough: lastSeq, lastOfEnded };
}
