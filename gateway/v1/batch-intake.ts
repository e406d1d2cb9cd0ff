/**
 * Stores a logs_batch while it arrives. One of up to MAX_LIVE_BATCH_ENTRIES entries may be live, and is stored as if it
 * had come in one piece; one of more is a whole log that was asked for, or a part of it.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from 'pino';
import { MAX_LIVE_BATCH_ENTRIES, MAX_V1_ENTRY_BYTES, MAX_V1_MESSAGE_BYTES } from '../../protocol/v1/frames.js';
import { entryLines, type EncodedLine } from '../../protocol/v1/log-lines.js';
import type { StoredLog } from '../../prisma/queries/v1/stored-log.js';
import { frameFaults, pagesRejected } from '../metrics.js';
import { BadBatchError, EntryScanner, TooLargeError } from './entry-scanner.js';
import type { ArrivingBatch } from './large-message-reader.js';
import { LARGE_MESSAGE_BYTES, type Release } from './large-messages.js';
import type { WholeBatch, WholeBatches } from './whole-batches.js';

class BadLineError extends Error {
  override readonly name = 'BadLineError';
}

export class BatchIntake {
  readonly #store: WholeBatches;
  readonly #logger: Logger;

  constructor(store: WholeBatches, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
  }

  /** Resolves when the batch is stored, or as much of it as came before the socket closed. */
  async take(batch: ArrivingBatch): Promise<void> {
    const { execution_process_id: executionId, assignment_id: attemptId, pieces, bytes } = batch;
    const log = await this.#store.find(executionId);
    if (!log) {
      pieces.destroy();
      await this.#store.take({ ...headOf(batch), entries: [] });
      return;
    }
    const taking = new TakenBatch(this.#store, batch, log);
    try {
      await taking.run();
    } catch (error) {
      await this.#abandon(taking, executionId);
      if (error === pieces.errored) return; // the socket has closed
      if (error instanceof TooLargeError) {
        await this.#store.tooLarge({ executionId, attemptId, bytes, maxBytes: MAX_V1_MESSAGE_BYTES });
        return;
      }
      if (error instanceof BadBatchError) frameFaults.inc();
      else if (error instanceof BadLineError) pagesRejected.inc({ reason: 'bad_line' });
      else throw error;
      this.#logger.warn({ executionId, reason: error.message }, 'log batch given up');
      await this.#store.distrust(executionId);
    } finally {
      taking.release();
      pieces.destroy();
    }
  }

  async #abandon(taking: TakenBatch, executionId: string): Promise<void> {
    try {
      await taking.abandon();
    } catch (error) {
      this.#logger.warn({ err: error, executionId }, 'pages of a log that was given up stay until its next try');
    }
  }
}

class TakenBatch {
  readonly #store: WholeBatches;
  readonly #batch: ArrivingBatch;
  readonly #log: StoredLog;
  readonly #scanner = new EntryScanner(MAX_V1_ENTRY_BYTES);
  /** Entries of what may be a live batch. */
  #held: unknown[] = [];
  #heldBytes = 0;
  #place: Release | undefined;
  #whole: WholeBatch | undefined;

  constructor(store: WholeBatches, batch: ArrivingBatch, log: StoredLog) {
    this.#store = store;
    this.#batch = batch;
    this.#log = log;
  }

  /** @throws TooLargeError, BadBatchError, BadLineError, or what ended the batch's pieces */
  async run(): Promise<void> {
    for await (const piece of this.#batch.pieces as AsyncIterable<Buffer>) {
      await nextTurn(); // several pieces may be there at once, and other nodes want their turn
      const { entries, bytes } = this.#scanner.read(piece);
      if (this.#whole) await this.#whole.take(linesOf(entries));
      else await this.#hold(entries, bytes);
      if (this.#whole?.isRefused) break;
      await this.#keepPlace();
    }
    if (this.#whole?.isRefused) {
      await this.#store.distrust(this.#log.executionId);
      return;
    }
    this.#scanner.end();
    if (this.#whole) await this.#whole.finish();
    else await this.#store.take({ ...headOf(this.#batch), entries: this.#held });
  }

  async abandon(): Promise<void> {
    await this.#whole?.abandon();
  }

  release(): void {
    this.#place?.();
    this.#place = undefined;
  }

  async #hold(entries: unknown[], bytes: number): Promise<void> {
    this.#held = this.#held.concat(entries);
    this.#heldBytes += bytes;
    if (this.#held.length > MAX_LIVE_BATCH_ENTRIES) {
      const lines = linesOf(this.#held);
      this.#held = [];
      this.#whole = await this.#store.begin(this.#log, lines, this.#batch.bytes);
      await this.#whole.take(lines);
      this.#heldBytes = 0;
    } else if (this.#heldBytes > MAX_V1_MESSAGE_BYTES) {
      throw new TooLargeError(`the first ${this.#held.length} entries have more than ${MAX_V1_MESSAGE_BYTES} bytes`);
    }
  }

  /** More than a little may be held only in a place of its own. */
  async #keepPlace(): Promise<void> {
    if (this.#heldBytes + this.#scanner.heldBytes > LARGE_MESSAGE_BYTES) this.#place ??= await this.#batch.hold();
    else this.release();
  }
}

function headOf({ assignment_id, shared_task_id, execution_process_id }: ArrivingBatch) {
  return { assignment_id, shared_task_id, execution_process_id };
}

/** @throws BadLineError */
function linesOf(entries: readonly unknown[]): EncodedLine[] {
  return entries.flatMap((entry) => {
    const lines = entryLines(entry);
    if (!lines) throw new BadLineError('an entry has an unknown shape');
    return lines;
  });
}
