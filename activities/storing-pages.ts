/** Pages on their way from the socket to the database: checked in parallel, stored in order, several per statement. */
import { linesStored, pagesRejected } from '../gateway/metrics.js';
import { SupersededError } from '../prisma/session.js';
import { storePages, type CheckedPage } from '../prisma/queries/store-page.js';
import type { LogPage } from '../gateway/interface.js';
import type { Mirror } from './mirror.js';

/** The maximum number of pages that are being checked or wait for it; each may be 8 MiB unpacked while checked. */
export const CHECKS_AT_ONCE = 6;
/** The maximum number of pages kept at once; fewer if they are large. */
const MAX_PAGES = 24;
const MAX_BYTES = 2 * 1024 * 1024;
/** The maximum size of one statement. */
const STATEMENT_BYTES = 512 * 1024;

/** The hive's mark is at another line, or the node's description has changed: look again before giving up. */
export class PageRefusedError extends Error {
  override readonly name = 'PageRefusedError';
  constructor(readonly code: string) {
    super(`page refused: ${code}`);
  }
}

interface Item {
  bytes: number;
  check: Promise<CheckedPage>;
}

/** The pages of one read, for one caller. A failure is thrown by the next call, and nothing after it is stored. */
export class StoringPages {
  readonly #mirror: Mirror;
  /** In order, including those that are being stored. */
  #items: Item[] = [];
  #bytes = 0;
  #unchecked = 0;
  #running: Promise<void> | undefined;
  #failure: { error: unknown } | undefined;
  #wake: (() => void) | undefined;
  #stored: number;

  /** @param stored the last line that the hive has */
  constructor(mirror: Mirror, stored: number) {
    this.#mirror = mirror;
    this.#stored = stored;
  }

  /**
   * Accepts a page as soon as there is room for it.
   * @throws PageError, PageRefusedError, SupersededError or a database error, caused by this page or an earlier one
   */
  async add(page: LogPage): Promise<void> {
    while (this.#isFull() && !this.#failure) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#throwFailure();
    const item: Item = { bytes: page.gzip.length, check: this.#check(page) };
    item.check.catch(() => undefined); // thrown when it is awaited
    this.#bytes += item.bytes;
    this.#items.push(item);
    this.#running ??= this.#store();
  }

  /**
   * Resolves when every accepted page is stored.
   * @returns the last line that the hive has now
   * @throws the same errors as {@link add}
   */
  async all(): Promise<number> {
    await this.#running;
    this.#throwFailure();
    return this.#stored;
  }

  #isFull(): boolean {
    return this.#unchecked >= CHECKS_AT_ONCE || this.#items.length >= MAX_PAGES || this.#bytes >= MAX_BYTES;
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error;
  }

  async #check(page: LogPage): Promise<CheckedPage> {
    this.#unchecked++;
    try {
      return { ...page, content: await this.#mirror.checkPage(page.gzip, page.firstSeq, page.lastSeq) };
    } finally {
      this.#unchecked--;
      this.#wake?.();
    }
  }

  async #store(): Promise<void> {
    try {
      for (let [next] = this.#items; next; [next] = this.#items) {
        const run = await this.#nextRun(await next.check);
        await this.#storeRun(run);
        for (const { bytes } of this.#items.splice(0, run.length)) this.#bytes -= bytes;
        this.#wake?.();
      }
    } catch (error) {
      this.#failure = { error };
    } finally {
      this.#running = undefined;
      this.#wake?.();
    }
  }

  /**
   * Waits for pages that are being checked: a statement costs one flush of PostgreSQL's log, whether it stores one page
   * or ten.
   * @returns the pages of the next statement, each of which starts where the one before it ends
   */
  async #nextRun(first: CheckedPage): Promise<[CheckedPage, ...CheckedPage[]]> {
    const run: [CheckedPage, ...CheckedPage[]] = [first];
    let last = first;
    let bytes = first.gzip.length;
    for (let item = this.#items[1]; item; item = this.#items[run.length]) {
      bytes += item.bytes;
      if (bytes > STATEMENT_BYTES) break;
      const page = await item.check.catch(() => undefined); // thrown when it is the first
      if (page?.firstSeq !== last.lastSeq + 1 || page.logEpoch !== last.logEpoch) break;
      run.push(page);
      last = page;
    }
    return run;
  }

  async #storeRun(run: [CheckedPage, ...CheckedPage[]]): Promise<void> {
    const { database, connection, pulled } = this.#mirror;
    const result = await storePages(database, connection.session, run);
    if (!result.stored) {
      if (result.code === 'superseded') throw new SupersededError(connection.session.nodeId);
      pagesRejected.inc({ reason: result.code });
      throw new PageRefusedError(result.code);
    }
    const lines = result.storedThrough - run[0].firstSeq + 1;
    pulled.lines += lines;
    linesStored.inc(lines);
    this.#stored = result.storedThrough;
  }
}
