/** One reader's server-sent events: sent no faster than it takes them, and cut off if it stops taking them. */
import { randomInt } from 'node:crypto';
import type { Response } from 'express';
import pTimeout from 'p-timeout';
import { logStreamsCutOff } from '../metrics.js';
import { formatEvent } from './format-events.js';
import { write } from '../write-stream.js';

/** How long a reader that is cut off has to fetch the reason. */
const FAREWELL_MS = 2_000;

/** How long an EventSource waits before it comes back; each another while, so that not all come back at once. */
const RETRY_MS = { min: 1_000, max: 3_000 };

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  'x-accel-buffering': 'no', // nginx would delay events
};

export class EventStream {
  readonly #response: Response;
  readonly #stallMs: number;
  constructor(response: Response, stallMs: number) {
    this.#response = response;
    this.#stallMs = stallMs;
  }

  open(): void {
    this.#response.status(200).set(HEADERS);
    this.#response.flushHeaders();
    this.#response.write(`retry: ${randomInt(RETRY_MS.min, RETRY_MS.max)}\n\n`);
  }

  /** Answers a HEAD as {@link open} would begin. */
  showHeaders(): void {
    this.#response.status(200).set(HEADERS).end();
  }

  /** Answers a reader that has had everything: an EventSource comes back after any end, but not after this. */
  endForGood(): void {
    this.#response.status(204).end();
  }

  get closed(): boolean {
    return this.#response.destroyed || this.#response.writableEnded;
  }

  /** Writes, then waits until the reader has room again. @returns false if the reader is gone or was cut off */
  async write(piece: string | Buffer): Promise<boolean> {
    if (this.closed) return false;
    const written = await write(this.#response, piece, this.#stallMs);
    if (written === 'stalled') await this.#cutOff();
    return written === 'written';
  }

  /**
   * Sends the last event, which says why the stream ends.
   * @param event never `error`, because that is what an EventSource calls a lost connection
   * @param id where the stream goes on after it
   */
  end(event: 'end' | 'failed' | 'cut_off', data: object, id?: string): void {
    if (!this.closed) this.#response.end(formatEvent(event, data, id));
  }

  async #cutOff(): Promise<void> {
    logStreamsCutOff.inc();
    this.end('cut_off', { reason: `nothing was read for ${this.#stallMs / 1000} s; resume with Last-Event-ID` });
    const fetched = new Promise<void>((resolve) => this.#response.once('close', resolve));
    await pTimeout(fetched, { milliseconds: FAREWELL_MS, fallback: () => undefined });
    this.#response.destroy();
  }
}
