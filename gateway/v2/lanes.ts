/** Runs work concurrently, except that work with the same key runs one after another. */
export class Lanes {
  readonly #most: number;
  /** The last piece of work of each key. */
  readonly #last = new Map<string, Promise<void>>();
  #open = 0;
  #wake: (() => void) | undefined;

  /** @param most the maximum amount of work in all lanes together, including what waits for its turn */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Adds work, which must not throw. Resolves as soon as there is room for it, and must be awaited before the next
   * call.
   */
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

  /** Resolves when all the work that was added is done. */
  async idle(): Promise<void> {
    await Promise.all(this.#last.values());
  }
}
