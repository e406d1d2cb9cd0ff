/** So much of a message is taken without asking. */
export const LARGE_MESSAGE_BYTES = 1024 * 1024;
/** Larger messages of all version 1 nodes that are in memory at once, whole or not: at 64 MiB the most that one may have. */
const AT_ONCE = 3;

/** Bounds what large messages hold in memory: a node that has begun one waits, unread, until it may go on. */
export class LargeMessages {
  #free = AT_ONCE;
  readonly #waiting: (() => void)[] = [];

  /** @param admitted called when the message may be taken, perhaps at once; give it back with {@link release} */
  take(admitted: () => void): void {
    if (this.#free > 0) {
      this.#free--;
      admitted();
    } else {
      this.#waiting.push(admitted);
    }
  }

  release(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free++;
  }
}
