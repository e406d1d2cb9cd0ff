/**
 * Says when a command prints so fast that absorbing its output at the same time would slow it down: where cores share
 * what they have, even a thread of the lowest priority does.
 */

/** In bytes a ms; several times what can be absorbed. */
const FLOOD_RATE = 64 * 1024;
const LOOK_MS = 100;
/** What may wait in the spool: a flood that goes on is absorbed while it does. */
const WAITING_BYTES = 256 * 1024 * 1024;

export const isFloodRate = (bytes: number, ms: number): boolean => bytes > ms * FLOOD_RATE;

export interface FloodWatchOptions {
  /** For how long the output has been coming. @default 0 */
  runningMs?: number;
  now?: () => number;
}

export class FloodWatch {
  readonly #now: () => number;
  readonly #runningMs: number;
  /** How much the spool had got, and when. */
  #looked: { bytes: number; at: number } | undefined;
  #isFast = false;

  constructor({ runningMs = 0, now = () => performance.now() }: FloodWatchOptions = {}) {
    this.#now = now;
    this.#runningMs = runningMs;
  }

  /**
   * To be asked before each part. The first one is absorbed in any case, because readers should see it at once.
   * @param takenBytes what has been read of the spool
   * @param waitingBytes what has not
   */
  isFlood(takenBytes: number, waitingBytes: number): boolean {
    const [bytes, at] = [takenBytes + waitingBytes, this.#now()];
    if (!this.#looked) {
      this.#looked = { bytes, at };
      this.#isFast = this.#runningMs > 0 && isFloodRate(bytes, this.#runningMs);
      return false;
    }
    const ms = at - this.#looked.at;
    if (ms >= LOOK_MS) {
      this.#isFast = isFloodRate(bytes - this.#looked.bytes, ms);
      this.#looked = { bytes, at };
    }
    return this.#isFast && waitingBytes <= WAITING_BYTES;
  }
}
