/** Pushes new lines of running executions to the hive, within a window and only as long as it answers. */
import { LIVE_RESEND_MS, LIVE_REWIND_LINES, MAX_UNACKNOWLEDGED_LIVE_BYTES } from '../../../protocol/limits.js';
import type { FrameData, HiveFrame } from '../../../protocol/frames.js';
import { messageOf } from '../../errors.js';
import type { Logger } from '../../log.js';
import { acknowledgeLines, forgetExecutionAck } from '../../store/acknowledgements.js';
import { getExecution, runningExecutions } from '../../store/executions.js';
import { readPiece } from '../../store/read-lines.js';
import type { Store } from '../../store/open.js';
import { makePages, type Page } from '../../store/pages.js';
import type { ExecutionRow } from '../../store/rows.js';
import type { Answers } from './answers.js';
import type { Outbox } from '../outbox.js';
import { PushedExecution } from './pushed-execution.js';
import { singleFlight } from './single-flight.js';

const BUSY_PAUSE_MS = 1000;

export interface LiveOptions {
  store: Store;
  outbox: Outbox;
  answers: Answers;
  logger: Logger;
  maxPageBytes: number;
  /** Called after a change of an execution's state or acknowledgement that may have to be announced. */
  announce: () => void;
  announceAgain: (attemptId: string) => void;
  /** @default LIVE_RESEND_MS */
  resendMs?: number;
}

export class LivePages {
  readonly #options: LiveOptions;
  /** The first is the next to be served. */
  readonly #pushed = new Map<string, PushedExecution>();
  readonly #readings = new Map<string, number>();
  readonly #unsaved = new Set<PushedExecution>();
  /** Executions whose epoch the hive has refused on this connection. */
  readonly #epochRefused = new Set<string>();
  readonly #pump: () => void;
  readonly #resendMs: number;

  constructor(options: LiveOptions) {
    this.#options = options;
    this.#pump = singleFlight(() => this.#push(), options, 'pushing live pages failed');
    this.#resendMs = options.resendMs ?? LIVE_RESEND_MS;
  }

  /** Reads what the store contains now, and pushes it. */
  refresh(): void {
    const running = new Map(runningExecutions(this.#options.store).map((row) => [row.id, row]));
    for (const pushed of this.#pushed.values()) {
      const row = running.get(pushed.id) ?? getExecution(this.#options.store, pushed.key);
      if (row?.log_epoch !== pushed.epoch || row.attempt_refused !== null) this.#drop(pushed);
      else this.#update(pushed, row);
    }
    for (const row of running.values()) {
      if (this.#pushed.has(row.id) || row.acked_revision === 0 || row.attempt_refused !== null) continue;
      this.#pushed.set(row.id, new PushedExecution(row));
    }
    this.#pump();
  }

  /** Sends again what was not answered, and stores what was acknowledged. To be called about every second. */
  tick(): void {
    const now = performance.now();
    for (const pushed of this.#pushed.values()) {
      if (this.#options.outbox.blocked) pushed.resendAt = now + this.#resendMs;
      else if (pushed.inFlight.length > 0 && pushed.resendAt <= now) this.#goTo(pushed, pushed.acked);
      if (pushed.endedAt !== undefined) this.#settleEnd(pushed);
    }
    this.saveAcknowledgements();
    this.#pump();
  }

  /** @returns whether the last lines of an ended execution are still being pushed: its end is announced after them */
  defersEnd(row: ExecutionRow): boolean {
    const pushed = this.#pushed.get(row.id);
    if (!pushed || row.status === 'running') return false;
    if (pushed.epoch !== row.log_epoch) return false;
    this.#update(pushed, row);
    return this.#pushed.has(row.id);
  }

  /** Handles a log_ack that answers a page. */
  pageAcknowledged({ execution_id, log_epoch, stored_through }: FrameData<HiveFrame, 'log_ack'>): void {
    const pushed = this.#pushed.get(execution_id);
    if (!pushed || log_epoch < pushed.epoch) return;
    if (log_epoch > pushed.epoch || stored_through > pushed.logLines) {
      this.#hiveIsAhead(pushed, log_epoch, stored_through);
      return;
    }
    pushed.acknowledged(stored_through, performance.now() + this.#resendMs);
    this.#unsaved.add(pushed);
    if (pushed.endedAt !== undefined) this.#settleEnd(pushed);
    this.#pump();
  }

  /** An execution_sync was acknowledged: the execution may be pushed from now on, or again. */
  announced(): void {
    this.refresh();
  }

  /** Handles a log_refused that answers the page with this index (see {@link Answers}). */
  pageRefused(
    { execution_id, first_seq, stored_through, code }: FrameData<HiveFrame, 'log_refused'>,
    index: number,
  ): void {
    const pushed = this.#pushed.get(execution_id);
    if (!pushed || index <= pushed.staleThrough) return;
    const sent = this.#options.answers.sent(execution_id);
    switch (code) {
      case 'gap':
        if (stored_through > pushed.logLines) this.#hiveIsAhead(pushed, pushed.epoch, stored_through);
        else pushed.gap(first_seq, stored_through, sent);
        break;
      case 'busy':
        this.#goTo(pushed, pushed.acked);
        this.#pause(pushed);
        break;
      case 'epoch':
        this.#refusedEpoch(pushed, sent);
        break;
      case 'unknown_execution':
        this.#drop(pushed);
        this.#options.announceAgain(pushed.attemptId);
        break;
    }
    if (pushed.endedAt !== undefined) this.#settleEnd(pushed);
    this.#pump();
  }

  /** A page was answered with `error`: a backfill will find out what is wrong with it. */
  pageFaulty(executionId: string): void {
    const pushed = this.#pushed.get(executionId);
    if (!pushed) return;
    pushed.stop(this.#options.answers.sent(executionId));
    if (pushed.endedAt !== undefined) this.#settleEnd(pushed);
  }

  /** No page of the execution is pushed from now until {@link readEnded}. */
  readStarted(executionId: string): void {
    this.#readings.set(executionId, (this.#readings.get(executionId) ?? 0) + 1);
    const pushed = this.#pushed.get(executionId);
    if (pushed) this.#goTo(pushed, pushed.position);
  }

  readEnded(executionId: string, readThrough: number): void {
    const readings = (this.#readings.get(executionId) ?? 0) - 1;
    if (readings > 0) {
      this.#readings.set(executionId, readings);
      return;
    }
    this.#readings.delete(executionId);
    const pushed = this.#pushed.get(executionId);
    pushed?.resume(readThrough, this.#options.answers.sent(executionId));
    this.#pump();
  }

  /** Stores what was acknowledged since the last call: pages are acknowledged too often for a transaction each. */
  saveAcknowledgements(): void {
    for (const pushed of this.#unsaved) this.#save(pushed);
    this.#unsaved.clear();
  }

  #save({ id, epoch, acked }: PushedExecution): void {
    acknowledgeLines(this.#options.store, { executionId: id, epoch, storedThrough: acked });
  }

  #update(pushed: PushedExecution, row: ExecutionRow): void {
    pushed.logLines = row.log_lines;
    if (row.acked_epoch === pushed.epoch) pushed.acked = Math.max(pushed.acked, row.acked_through);
    if (row.status === 'running') return;
    pushed.endedAt ??= performance.now();
    this.#settleEnd(pushed);
  }

  /** Lets the end be announced once the hive has its lines, or once pushing can't bring them there soon. */
  #settleEnd(pushed: PushedExecution): void {
    const done = pushed.unacknowledged <= 0;
    const isFar = !pushed.confirmed && pushed.unacknowledged > LIVE_REWIND_LINES;
    const hopeless = pushed.stopped || this.#readings.has(pushed.id) || isFar;
    const late = pushed.endedAt !== undefined && performance.now() - pushed.endedAt >= this.#resendMs;
    if (done || hopeless || late) this.#drop(pushed);
  }

  #drop(pushed: PushedExecution): void {
    if (!this.#pushed.delete(pushed.id)) return;
    pushed.generation++;
    this.#options.announce();
    // now, because later it could overwrite what the answer to an announcement says
    if (this.#unsaved.delete(pushed)) this.#save(pushed);
  }

  #pause(pushed: PushedExecution): void {
    const until = performance.now() + BUSY_PAUSE_MS;
    pushed.pausedUntil = until;
    setTimeout(() => {
      if (pushed.pausedUntil === until) pushed.pausedUntil = 0; // a timer may fire a little early
      this.#pump();
    }, BUSY_PAUSE_MS).unref();
  }

  #goTo(pushed: PushedExecution, seq: number): void {
    pushed.goTo(seq, this.#options.answers.sent(pushed.id));
  }

  #hiveIsAhead({ id }: PushedExecution, epoch: number, storedThrough: number): void {
    const outcome = acknowledgeLines(this.#options.store, { executionId: id, epoch, storedThrough });
    if (outcome === 'behind') {
      this.#options.logger.warn(
        { execution_id: id, epoch, stored_through: storedThrough },
        'the hive has more lines than this store; starting a new log_epoch',
      );
    }
    this.refresh();
  }

  /** The hive has another epoch, and answers a fresh execution_sync with it. Tried once, then left to a backfill. */
  #refusedEpoch(pushed: PushedExecution, sent: number): void {
    if (this.#epochRefused.has(pushed.id)) {
      pushed.stop(sent);
      return;
    }
    this.#epochRefused.add(pushed.id);
    forgetExecutionAck(this.#options.store, pushed.key);
    this.#drop(pushed);
  }

  async #push(): Promise<void> {
    for (let pushed = this.#next(); pushed; pushed = this.#next()) {
      // move it to the end, so that the next turn is another's
      this.#pushed.delete(pushed.id);
      this.#pushed.set(pushed.id, pushed);
      const [page] = pushed.ready;
      if (page) await this.#send(pushed, page);
      else await this.#prepare(pushed);
    }
  }

  #next(): PushedExecution | undefined {
    const now = performance.now();
    const inFlight = [...this.#pushed.values()].reduce((sum, { inFlightBytes }) => sum + inFlightBytes, 0);
    // a page larger than the window is sent alone
    const fits = ({ gzip }: Page) => inFlight === 0 || inFlight + gzip.length <= MAX_UNACKNOWLEDGED_LIVE_BYTES;
    for (const pushed of this.#pushed.values()) {
      if (pushed.stopped || pushed.pausedUntil > now || this.#readings.has(pushed.id)) continue;
      if (!pushed.confirmed && pushed.inFlight.length > 0) continue;
      const page = pushed.ready[0];
      if (page ? fits(page) : pushed.position < pushed.logLines && inFlight < MAX_UNACKNOWLEDGED_LIVE_BYTES)
        return pushed;
    }
    return undefined;
  }

  async #prepare(pushed: PushedExecution): Promise<void> {
    const { generation, key, position, logLines } = pushed;
    const piece = readPiece(this.#options.store, key, position, logLines);
    if (!piece) {
      this.#drop(pushed);
      return;
    }
    try {
      const pages = await makePages(piece, this.#options.maxPageBytes);
      if (pushed.generation === generation) pushed.ready = pages;
    } catch (error) {
      this.#options.logger.error({ execution_id: pushed.id }, `lines can't be pushed: ${messageOf(error)}`);
      pushed.stop(this.#options.answers.sent(pushed.id));
    }
  }

  async #send(pushed: PushedExecution, page: Page): Promise<void> {
    const { outbox, answers } = this.#options;
    const { id: execution_id, epoch: log_epoch, generation } = pushed;
    const { firstSeq: first_seq, lastSeq: last_seq } = page;
    const wanted = () => {
      if (pushed.generation !== generation) return false;
      pushed.ready.shift();
      pushed.sent(page, performance.now() + this.#resendMs);
      answers.sentPage(execution_id);
      return true;
    };
    await outbox.sendPage({ type: 'log_page', execution_id, log_epoch, first_seq, last_seq }, page.gzip, wanted);
  }
}
