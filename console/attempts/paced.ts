/** Does something soon after it was asked for: never twice at once, and not again before a pause. */
export class Paced {
  readonly #work: () => Promise<void>;
  readonly #pauseMs: number;
  #isAsked = false;
  #isBusy = false;

  /** @param pauseMs at least; three times as long as the work took if that is more, so that a busy hive is left alone */
  constructor(work: () => Promise<void>, pauseMs: number) {
    this.#work = work;
    this.#pauseMs = pauseMs;
  }

  /** What is asked for while it is under way is done once more. */
  soon(): void {
    this.#isAsked = true;
    if (!this.#isBusy) void this.#run();
  }

  /** Nothing more is begun. */
  end(): void {
    this.#isAsked = false;
  }

  async #run(): Promise<void> {
    this.#isBusy = true;
    while (this.#isAsked) {
      this.#isAsked = false;
      const began = performance.now();
      await this.#work();
      await pause(Math.max(this.#pauseMs, 3 * (performance.now() - began)));
    }
    this.#isBusy = false;
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
