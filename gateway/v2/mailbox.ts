import { NodeRequestError } from '../interface.js';

/** A queue with one reader: what has arrived in answer to a request. Its bound is the sender's credit. */
export class Mailbox<T> {
  readonly #items: T[] = [];
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  put(item: T): void {
    this.#items.push(item);
    this.#wake?.();
  }

  /** Ends the queue after what has arrived: that need not be asked for again. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#wake?.();
  }

  /** @throws NodeRequestError `timeout`, `cancelled`, or the one that the queue was ended with */
  async take(timeoutMs: number, signal: AbortSignal): Promise<T> {
    if (this.#items.length === 0 && !this.#failure && !signal.aborted) await this.#arrival(timeoutMs, signal);
    if (signal.aborted) throw new NodeRequestError('cancelled', 'the request was cancelled');
    const item = this.#items.shift();
    if (item !== undefined) return item;
    throw this.#failure ?? new NodeRequestError('timeout', `the node sent nothing for ${timeoutMs / 1000} s`);
  }

  #arrival(timeoutMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(wake, timeoutMs);
      signal.addEventListener('abort', wake, { once: true });
      this.#wake = wake;
    });
  }
}
