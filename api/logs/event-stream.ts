/** One reader's server-sent events: sent no faster than it takes them, and cut off if it stops taking them. */
import type { Response } from 'express';
import pTimeout from 'p-timeout';
import { logStreamsCutOff } from '../metrics.js';
import { formatEvent } from './format-events.js';
import { write } from '../write-stream.js';

/** How long a reader that is cut off has to fetch the reason. */
const FAREWELL_MS = 2_000;

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

  end(event: string, data: object): void {
    if (!this.closed) this.#response.end(formatEvent(event, data));
  }

  async #cutOff(): Promise<void> {
    logStreamsCutOff.inc();
    this.end('cut_off', { reason: `nothing was read for ${this.#stallMs / 1000} s; resume with Last-Event-ID` });
    const fetched = new Promise<void>((resolve) => this.#response.once('close', resolve));
    await pTimeout(fetched, { milliseconds: FAREWELL_MS, fallback: () => undefined });
    this.#response.destroy();
  }
}
