/** What a node sends unasked, on its way to the database: in its order, and bounded by bytes. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { isTransientDatabaseError } from '../prisma/errors.js';
import { MAX_UNACKNOWLEDGED_METADATA } from '../protocol/limits.js';

/** Above this many queued bytes the node's socket is not read... */
const HIGH_WATER_BYTES = 4 * 1024 * 1024;
/** ...until they are below this. */
const LOW_WATER_BYTES = 1024 * 1024;
const RETRY_MS = 1000;

export interface IngestItem {
  readonly type: string;
  readonly bytes: number;
}

/** Who works the queue off. */
export interface IngestWorker<Item> {
  /** Takes one or more items out of the queue and stores them. */
  takeNext(): Promise<void>;
  /** What is queued has crossed a bound: stop reading the socket, or go on. */
  pressure(high: boolean): void;
  /** Storing failed, and the queue has stopped. @param dropped what was queued */
  failed(error: unknown, dropped: Item[]): void;
}

export class IngestQueue<Item extends IngestItem> {
  readonly #worker: IngestWorker<Item>;
  readonly #items: Item[] = [];
  #bytes = 0;
  #isHigh = false;
  #isRunning = false;
  #isStopped = false;
  #idle = Promise.resolve();

  constructor(worker: IngestWorker<Item>) {
    this.#worker = worker;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  get first(): Item | undefined {
    return this.#items[0];
  }

  /** @returns false if the queue has stopped, and the item was dropped */
  add(item: Item): boolean {
    if (this.#isStopped) return false;
    this.#items.push(item);
    this.#bytes += item.bytes;
    if (!this.#isHigh && this.#bytes > HIGH_WATER_BYTES) {
      this.#isHigh = true;
      this.#worker.pressure(true);
    }
    if (!this.#isRunning) this.#idle = this.#run();
    return true;
  }

  /** @returns the first item; with it, if it is metadata, the metadata behind it that one transaction can store */
  takeBatch(): Item[] {
    const end = this.#items.findIndex(({ type }) => type !== 'attempt_sync' && type !== 'execution_sync');
    const count = Math.min(end === -1 ? this.#items.length : end, MAX_UNACKNOWLEDGED_METADATA);
    return this.#items.splice(0, Math.max(count, 1));
  }

  /** Gives back the room of items that were taken out and dealt with. */
  release(items: readonly Item[]): void {
    for (const { bytes } of items) this.#bytes -= bytes;
    if (!this.#isHigh || this.#bytes >= LOW_WATER_BYTES) return;
    this.#isHigh = false;
    this.#worker.pressure(false);
  }

  /** @returns what was queued, which is dropped */
  stop(): Item[] {
    this.#isStopped = true;
    return this.#items.splice(0);
  }

  /** Resolves when nothing is being taken in. */
  async idle(): Promise<void> {
    await this.#idle;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      while (this.#items.length > 0 && !this.#isStopped) await this.#worker.takeNext();
    } catch (error) {
      if (!this.#isStopped) this.#worker.failed(error, this.stop());
    } finally {
      this.#isRunning = false;
    }
  }
}

/**
 * Writes, and tries again while the database is away. Once enough is queued, the socket is not read meanwhile.
 * @param isOver whether to give up after this many tries
 * @throws what the write throws, if it is not that the database is away
 */
export async function persist<T>(
  write: () => Promise<T>,
  { logger, isOver }: { logger: Logger; isOver: (tries: number) => boolean },
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await write();
    } catch (error) {
      if (!isTransientDatabaseError(error) || isOver(tries)) throw error;
      logger.warn({ err: error }, 'database does not answer; trying again');
      await sleep(RETRY_MS);
    }
  }
}
