/** Up to this many bytes of a message are read without asking. */
export const LARGE_MESSAGE_BYTES = 1024 * 1024;
/**
 * The maximum number of larger messages in memory, complete or not, of all version 1 nodes. Each may have up to 64 MiB.
 */
const AT_ONCE = 3;

/** Limits the memory that large messages take: a node that has begun one is not read until there is room for it. */
export class LargeMessages {
  #free = AT_ONCE;
  readonly #waiting: (() => void)[] = [];

  /**
   * @param admitted called when the message may be read, perhaps at once; its place is given back with {@link release}
   */
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
