/**
 * The queue of what a node sends unasked: items are stored in the order they came, and its size is limited in bytes.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { isTransientDatabaseError } from '../prisma/errors.js';
import { MAX_UNACKNOWLEDGED_METADATA } from '../protocol/limits.js';
import { RepeatedErrors } from './repeated-errors.js';

/** Above this many queued bytes, the node's socket is no longer read... */
const HIGH_WATER_BYTES = 4 * 1024 * 1024;
/** ...until fewer than this many are left. */
const LOW_WATER_BYTES = 1024 * 1024;
const RETRY_MS = 1000;
/** Of the whole process: in an outage, the nodes' queues all meet the same error. */
const repeated = new RepeatedErrors();

export interface IngestItem {
  readonly type: string;
  readonly bytes: number;
}

/** Whoever stores what is queued. */
export interface IngestWorker<Item> {
  /** Takes one or more items out of the queue and stores them. Called again until the queue is empty. */
  takeNext(): Promise<void>;
  /** Too much is queued, so the socket should not be read (high), or there is room again. */
  pressure(high: boolean): void;
  /** Storing failed, and the queue has stopped. @param dropped the items that were still queued */
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

  /** @returns whether the item was queued; false if the queue has stopped */
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

  /**
   * Takes out what is to be stored next: the first item, and if it is metadata, as much of the metadata right behind it
   * as one transaction stores.
   */
  takeBatch(): Item[] {
    const end = this.#items.findIndex(({ type }) => type !== 'attempt_sync' && type !== 'execution_sync');
    const count = Math.min(end === -1 ? this.#items.length : end, MAX_UNACKNOWLEDGED_METADATA);
    return this.#items.splice(0, Math.max(count, 1));
  }

  /** Frees the room of items that were taken out. To be called when they have been dealt with. */
  release(items: readonly Item[]): void {
    for (const { bytes } of items) this.#bytes -= bytes;
    if (!this.#isHigh || this.#bytes >= LOW_WATER_BYTES) return;
    this.#isHigh = false;
    this.#worker.pressure(false);
  }

  /** Stops the queue for good. @returns the items that were still queued, which are dropped */
  stop(): Item[] {
    this.#isStopped = true;
    return this.#items.splice(0);
  }

  /** Stops the queue because storing failed, and tells the worker, unless it has stopped already. */
  fail(error: unknown): void {
    if (!this.#isStopped) this.#worker.failed(error, this.stop());
  }

  /** Resolves when nothing is being stored any more. */
  async idle(): Promise<void> {
    await this.#idle;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      while (this.#items.length > 0 && !this.#isStopped) await this.#worker.takeNext();
    } catch (error) {
      this.fail(error);
    } finally {
      this.#isRunning = false;
    }
  }
}

/**
 * Writes, and tries again every second while the database is away or takes no writes. The queue fills up meanwhile,
 * until the socket is no longer read.
 * @param shouldGiveUp whether to stop after this many tries
 * @throws what the write throws, if the database is not away or it is time to give up
 */
export async function persist<T>(
  write: () => Promise<T>,
  { logger, shouldGiveUp }: { logger: Logger; shouldGiveUp: (tries: number) => boolean },
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await write();
    } catch (error) {
      if (!isTransientDatabaseError(error) || shouldGiveUp(tries)) throw error;
      if (repeated.isNew(error)) logger.warn({ err: error }, 'what nodes send cannot be stored now; trying again');
      await sleep(RETRY_MS);
    }
  }
}
