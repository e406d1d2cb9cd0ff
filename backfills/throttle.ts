/** Admits one of many requests with the same key per interval. */
export class Throttle {
  readonly #last = new Map<string, number>();
  readonly #intervalMs: number;
  readonly #maxKeys: number;

  constructor(intervalMs: number, maxKeys = 10_000) {
    this.#intervalMs = intervalMs;
    this.#maxKeys = maxKeys;
  }

  /** @returns whether the request may go ahead: it is the first with its key in this interval */
  admit(key: string, now = Date.now()): boolean {
    const last = this.#last.get(key);
    if (last !== undefined && now - last < this.#intervalMs) return false;
    if (this.#last.size >= this.#maxKeys) this.#forgetOld(now);
    this.#last.delete(key);
    this.#last.set(key, now);
    return true;
  }

  /**
   * Keys are in the order in which they were last admitted. The oldest is forgotten even if its interval is not over.
   */
  #forgetOld(now: number) {
    for (const [key, last] of this.#last) {
      if (now - last < this.#intervalMs && this.#last.size < this.#maxKeys) return;
      this.#last.delete(key);
    }
  }
}
