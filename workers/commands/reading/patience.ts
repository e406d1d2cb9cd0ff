/** How long to wait for a hive that is away, and what to say about it: on standard error, and only if it lasts. */

const FIRST_MS = 100;
const MOST_MS = 5_000;
/** A restart that is shorter than this is nobody's business. */
const UNTOLD_MS = 5_000;

/** A hive restarts in less. Nobody waits for longer without having asked for it (`-f`). */
export const RESTART_MS = 60_000;

export class Patience {
  readonly #url: string;
  #waitMs = FIRST_MS;
  #lostAt: number | undefined;
  #isTold = false;

  constructor(url: string) {
    this.#url = url;
  }

  /** The hive has answered. */
  reward(): void {
    if (this.#isTold) process.stderr.write(`hive: ${this.#url} is back\n`);
    this.#waitMs = FIRST_MS;
    this.#lostAt = undefined;
    this.#isTold = false;
  }

  /** The hive has not answered. @returns how long to wait before asking again, in ms */
  punish(): number {
    this.#lostAt ??= performance.now();
    if (!this.#isTold && performance.now() - this.#lostAt > UNTOLD_MS) {
      this.#isTold = true;
      process.stderr.write(`hive: ${this.#url} does not answer; trying again until it does (Ctrl-C ends it)\n`);
    }
    const waitMs = this.#waitMs * (0.5 + Math.random() / 2);
    this.#waitMs = Math.min(this.#waitMs * 2, MOST_MS);
    return waitMs;
  }

  /** @returns how long the hive has been away, in ms */
  get awayMs(): number {
    return this.#lostAt === undefined ? 0 : performance.now() - this.#lostAt;
  }
}
