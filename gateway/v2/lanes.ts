/** Work side by side, but one after another where it has the same key. */
export class Lanes {
  readonly #most: number;
  /** The last work of each lane. */
  readonly #last = new Map<string, Promise<void>>();
  #open = 0;
  #wake: (() => void) | undefined;

  /** @param most in all lanes together, also what waits for its turn */
  constructor(most: number) {
    this.#most = most;
  }

  /** Takes work, which must not fail; resolves as soon as there was room for it. To be awaited before the next call. */
  async add(key: string, work: () => Promise<void>): Promise<void> {
    while (this.#open >= this.#most) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#open++;
    const done = (this.#last.get(key) ?? Promise.resolve()).then(work).finally(() => {
      this.#open--;
      if (this.#last.get(key) === done) this.#last.delete(key);
      this.#wake?.();
    });
    this.#last.set(key, done);
  }

  /** Resolves when all that was taken is done. */
  async idle(): Promise<void> {
    await Promise.all(this.#last.values());
  }
}
