/** How far one execution's live pages have been pushed. Plain rules, no I/O. */
import { LIVE_REWIND_LINES } from '../../../protocol/limits.js';
import type { Page } from '../../store/pages.js';
import type { ExecutionRow } from '../../store/rows.js';

export class PushedExecution {
  readonly key: number;
  readonly id: string;
  readonly attemptId: string;
  readonly epoch: number;
  /** Lines that were committed when the store was last read. */
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
  /** The hive has accepted a page from here. Until then pages are sent one by one, because it may refuse the first. */
  confirmed = false;
  /** The hive refused twice or is too far behind: a backfill has to close the gap. */
  stopped = false;
  /** When its end was first noticed; ms since the epoch. */
  endedAt: number | undefined;
  /** Refusals of frames up to this one (see {@link Answers}) no longer matter: the position has jumped since. */
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
    // Too far behind to catch up by pushing: a page at the end makes the hive notice the gap.
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

  /** A page was refused because of a gap: goes on after `storedThrough`, once per position and only if it is near. */
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

  /** The hive has finished reading: pushing may go on after the last line read. */
  resume(readThrough: number, sentFrames: number): void {
    this.stopped = false;
    this.#rewoundTo = undefined;
    this.goTo(Math.max(this.acked, Math.min(readThrough, this.logLines)), sentFrames);
  }
}
