/** How long to wait before each further try, so that many pages together leave a hive that is in trouble alone. */

interface Waits {
  minMs: number;
  maxMs: number;
}

const USUAL: Waits = { minMs: 1000, maxMs: 15_000 };
const GROWTH = 1.5;

export class Backoff {
  readonly #waits: Waits;
  #ms: number;

  constructor(waits: Waits = USUAL) {
    this.#waits = waits;
    this.#ms = waits.minMs;
  }

  /** @returns what to wait in milliseconds: longer each time, and never the same for all pages */
  next(): number {
    const ms = this.#ms;
    this.#ms = Math.min(this.#waits.maxMs, ms * GROWTH);
    return ms * (0.75 + Math.random() / 4);
  }

  /** It worked: the next time is the first again. */
  reset(): void {
    this.#ms = this.#waits.minMs;
  }
}
