/** How far the pushing of one execution's live pages has come. Plain rules, no I/O. */
import { LIVE_REWIND_LINES } from '../../../protocol/limits.js';
import type { Page } from '../../store/pages.js';
import type { ExecutionRow } from '../../store/rows.js';

export class PushedExecution {
  readonly key: number;
  readonly id: string;
  readonly attemptId: string;
  readonly epoch: number;
  /** Lines committed, as of the last look. */
  logLines: number;
  /** The last line sent. */
  position: number;
  /** The last line the hive has acknowledged. */
  acked: number;
  /** Pages ready to be sent, the first of them after `position`. */
  ready: Page[] = [];
  inFlight: { lastSeq: number; bytes: number }[] = [];
  inFlightBytes = 0;
  /** When to send again what has not been answered; meaningless while nothing is in flight. */
  resendAt = 0;
  pausedUntil = 0;
  /** The hive has taken a page from where we are; before that they go one by one, for it may refuse the first. */
  confirmed = false;
  /** The hive refused twice, or is too far behind: a backfill is to close the gap. */
  stopped = false;
  /** Since when it is known to have ended. */
  endedAt: number | undefined;
  /** Refusals of frames up to this one (see {@link Answers}) are of what has been rewound since. */
  staleThrough = 0;
  /** Raised whenever `position` jumps: a page made before that is no longer wanted. */
  generation = 0;
  #rewoundTo: number | undefined;

  constructor(row: ExecutionRow) {
    this.key = row.key;
    this.id = row.id;
    this.attemptId = row.attempt_id;
    this.epoch = row.log_epoch;
    this.logLines = row.log_lines;
    this.acked = row.acked_epoch === row.log_epoch ? row.acked_through : 0;
    // Too far behind to be caught up by pushing: a page at the end has the hive notice the gap.
    this.position = this.logLines - this.acked > LIVE_REWIND_LINES ? this.logLines - 1 : this.acked;
  }

  get unacknowledged(): number {
    return this.logLines - this.acked;
  }

  sent(page: Page, resendAt: number): void {
    if (this.inFlight.length === 0) this.resendAt = resendAt;
    this.position = page.lastSeq;
    this.inFlight.push({ lastSeq: page.lastSeq, bytes: page.gzip.length });
    this.inFlightBytes += page.gzip.length;
  }

  acknowledged(storedThrough: number, resendAt: number): void {
    this.acked = Math.max(this.acked, storedThrough);
    this.confirmed ||= this.inFlight.some(({ lastSeq }) => lastSeq <= storedThrough);
    this.inFlight = this.inFlight.filter(({ lastSeq }) => lastSeq > storedThrough);
    this.inFlightBytes = this.inFlight.reduce((sum, { bytes }) => sum + bytes, 0);
    this.resendAt = resendAt;
  }

  /** A page was refused for a gap: goes on after `storedThrough`, once per position and only over a short way. */
  gap(firstSeq: number, storedThrough: number, sentFrames: number): void {
    const tooFar = firstSeq - 1 - storedThrough > LIVE_REWIND_LINES;
    if (tooFar || this.#rewoundTo === storedThrough) {
      this.stop(sentFrames);
      return;
    }
    this.#rewoundTo = storedThrough;
    this.acked = storedThrough;
    this.goTo(storedThrough, sentFrames);
  }

  /** Goes on after line `seq`, whatever is in flight. */
  goTo(seq: number, sentFrames: number): void {
    this.position = seq;
    this.ready = [];
    this.inFlight = [];
    this.inFlightBytes = 0;
    this.confirmed = false;
    this.staleThrough = sentFrames;
    this.generation++;
  }

  stop(sentFrames: number): void {
    this.stopped = true;
    this.goTo(this.position, sentFrames);
  }

  /** A reading of the hive's own has ended: pushing may go on after it. */
  resume(readThrough: number, sentFrames: number): void {
    this.stopped = false;
    this.#rewoundTo = undefined;
    this.goTo(Math.max(this.acked, Math.min(readThrough, this.logLines)), sentFrames);
  }
}
