/** Lets one of many equal requests through in each interval. */
export class Coalescer {
  readonly #last = new Map<string, number>();

  constructor(
    readonly intervalMs: number,
    readonly maxKeys = 10_000,
  ) {}

  /** True for the first with this key in the interval. */
  admit(key: string, now = Date.now()): boolean {
    const last = this.#last.get(key);
    if (last !== undefined && now - last < this.intervalMs) return false;
    if (this.#last.size >= this.maxKeys) this.#forgetOld(now);
    this.#last.delete(key);
    this.#last.set(key, now);
    return true;
  }

  /** Keys are in the order they were admitted; the oldest goes even when it is still fresh. */
  #forgetOld(now: number) {
    for (const [key, last] of this.#last) {
      if (now - last < this.intervalMs && this.#last.size < this.maxKeys) return;
      this.#last.delete(key);
    }
  }
}
