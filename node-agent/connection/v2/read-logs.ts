/** Answers read_logs: pages as far as the hive has granted credit, then logs_end. */
import type { FrameData, HiveFrame } from '../../../protocol/frames.js';
import { codeOf, messageOf } from '../../errors.js';
import type { Logger } from '../../log.js';
import { findExecution, getExecution } from '../../store/executions.js';
import type { Store } from '../../store/open.js';
import { readPages } from '../../store/pages.js';
import type { ExecutionRow } from '../../store/rows.js';
import { SocketClosedError, type Outbox } from '../outbox.js';

type ReadLogs = FrameData<HiveFrame, 'read_logs'>;

/** Maximum number of readings at once; each keeps a few pages in memory. */
const MAX_READINGS = 64;

export interface ReadingsOptions {
  store: Store;
  outbox: Outbox;
  logger: Logger;
  maxPageBytes: number;
  /** No page of the execution may be pushed between this call and {@link readEnded}. */
  readStarted: (executionId: string) => void;
  /** @param readThrough the last line sent, or the position that the reading started from */
  readEnded: (executionId: string, readThrough: number) => void;
}

export class Readings {
  readonly #options: ReadingsOptions;
  readonly #readings = new Map<string, Reading>();

  constructor(options: ReadingsOptions) {
    this.#options = options;
  }

  start(request: ReadLogs): void {
    const { request_id, execution_id } = request;
    if (this.#readings.has(request_id)) {
      this.#options.logger.warn({ request_id }, 'ignored a read_logs with the id of one that is running');
      return;
    }
    if (this.#readings.size >= MAX_READINGS) {
      this.#fail(request_id, 'busy', `${MAX_READINGS} readings are running`);
      return;
    }
    const reading = new Reading(request.credit);
    this.#readings.set(request_id, reading);
    this.#options.readStarted(execution_id);
    let readThrough = request.after_seq;
    this.#answer(request, reading, (seq) => (readThrough = seq))
      .catch((error: unknown) => this.#failed(request_id, error))
      .finally(() => {
        this.#readings.delete(request_id);
        this.#options.readEnded(execution_id, readThrough);
      });
  }

  grant({ request_id, pages }: FrameData<HiveFrame, 'grant'>): void {
    this.#readings.get(request_id)?.grant(pages);
  }

  cancel({ request_id }: FrameData<HiveFrame, 'cancel'>): void {
    this.#readings.get(request_id)?.cancel();
  }

  /** The socket has closed. */
  cancelAll(): void {
    for (const reading of this.#readings.values()) reading.cancel();
  }

  async #answer(request: ReadLogs, reading: Reading, sentThrough: (seq: number) => void): Promise<void> {
    const { store, outbox } = this.#options;
    const { request_id, execution_id } = request;
    const atStart = findExecution(store, execution_id);
    if (!atStart) {
      this.#fail(request_id, 'not_found', 'this node has no such execution');
      return;
    }
    if (atStart.pruned !== 0 && atStart.log_lines > request.after_seq) {
      this.#fail(request_id, 'not_found', 'the lines of this execution were pruned');
      return;
    }
    const complete = await this.#sendPages(request, reading, atStart, sentThrough);
    const now = getExecution(store, atStart.key);
    if (!now || (!complete && !reading.cancelled && now.log_epoch === atStart.log_epoch)) {
      this.#fail(request_id, now ? 'internal' : 'not_found', 'lines of this execution are missing in the store');
      return;
    }
    // As of the start of the reading, so that the count is that of the pages sent; a new epoch makes them worthless.
    const { log_lines, log_epoch, status } = now.log_epoch === atStart.log_epoch ? atStart : now;
    await outbox.send({ type: 'logs_end', data: { request_id, log_lines, log_epoch, status } });
  }

  /** @returns whether every line up to the last one committed at the start was sent */
  async #sendPages(
    { request_id, execution_id, after_seq, max_page_bytes }: ReadLogs,
    reading: Reading,
    { key, log_lines: through, log_epoch }: ExecutionRow,
    sentThrough: (seq: number) => void,
  ): Promise<boolean> {
    const { store, outbox, maxPageBytes } = this.#options;
    let sent = after_seq;
    for await (const page of readPages(store, key, after_seq, through, Math.min(max_page_bytes, maxPageBytes))) {
      if (!(await reading.takeCredit())) return false;
      if (getExecution(store, key)?.log_epoch !== log_epoch) return false;
      const { firstSeq: first_seq, lastSeq: last_seq, gzip } = page;
      const header = { type: 'log_page', execution_id, log_epoch, first_seq, last_seq, request_id } as const;
      if (!(await outbox.sendPage(header, gzip, () => !reading.cancelled))) return false;
      sent = last_seq;
      sentThrough(last_seq);
    }
    return sent >= through;
  }

  #failed(requestId: string, error: unknown): void {
    if (error instanceof SocketClosedError || this.#options.outbox.closed) return;
    this.#options.logger.error(
      { request_id: requestId, code: codeOf(error) },
      `reading logs failed: ${messageOf(error)}`,
    );
    this.#fail(requestId, 'internal', `the node cannot read these lines (${codeOf(error)})`);
  }

  #fail(request_id: string, code: 'not_found' | 'busy' | 'internal', message: string): void {
    this.#options.outbox.sendNow({ type: 'request_failed', data: { request_id, code, message } });
  }
}

/** The credit of one request, in pages. */
class Reading {
  #credit: number;
  cancelled = false;
  #wake: (() => void) | undefined;

  constructor(credit: number) {
    this.#credit = credit;
  }

  grant(pages: number): void {
    this.#credit += pages;
    this.#wake?.();
  }

  cancel(): void {
    this.cancelled = true;
    this.#wake?.();
  }

  /** Waits for the credit of one page and uses it. @returns false if the request was cancelled */
  async takeCredit(): Promise<boolean> {
    while (this.#credit === 0 && !this.cancelled) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    if (this.cancelled) return false;
    this.#credit--;
    return true;
  }
}
