/** One reader's server-sent events: no faster than it takes them, and no longer than it takes any. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Response } from 'express';
import { logStreamsCutOff } from '../../metrics.js';
import { write } from '../write-stream.js';

/** How long a reader that was cut off has to fetch the reason. */
const FAREWELL_MS = 2_000;

/** A reader counts as alive that takes one piece in time: a line can have 1 MiB. */
const PIECE_BYTES = 64 * 1024;

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  'x-accel-buffering': 'no', // nginx would hold events back
};

export class EventStream {
  constructor(
    private readonly response: Response,
    private readonly stallMs: number,
  ) {}

  open(): void {
    this.response.status(200).set(HEADERS);
    this.response.flushHeaders();
  }

  get closed(): boolean {
    return this.response.destroyed || this.response.writableEnded;
  }

  /** Writes and waits until the reader has room again. False when it is gone, or was cut off. */
  async write(text: string): Promise<boolean> {
    const bytes = Buffer.from(text);
    for (let start = 0; start < bytes.length; start += PIECE_BYTES) {
      if (!(await this.#writePiece(bytes.subarray(start, start + PIECE_BYTES)))) return false;
    }
    return true;
  }

  async #writePiece(piece: Buffer): Promise<boolean> {
    if (this.closed) return false;
    const stalled = AbortSignal.timeout(this.stallMs);
    try {
      return await write(this.response, piece, stalled);
    } catch (error) {
      if (!stalled.aborted) throw error;
      await this.#cutOff();
      return false;
    }
  }

  end(event: string, data: object): void {
    if (!this.closed) this.response.end(formatEvent(event, data));
  }

  async #cutOff(): Promise<void> {
    logStreamsCutOff.inc();
    this.end('cut_off', { reason: `nothing was read for ${this.stallMs / 1000} s; resume with Last-Event-ID` });
    const fetched = new Promise<void>((resolve) => this.response.once('close', resolve));
    await Promise.race([fetched, sleep(FAREWELL_MS, undefined, { ref: false })]);
    this.response.destroy();
  }
}

export function formatEvent(event: string, data: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
