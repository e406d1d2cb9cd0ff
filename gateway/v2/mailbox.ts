import { NodeRequestError } from '../interface.js';

/** A queue, for one reader, of what has arrived in answer to a request. The sender's credit limits its length. */
export class Mailbox<T> {
  readonly #items: T[] = [];
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  put(item: T): void {
    this.#items.push(item);
    this.#wake?.();
  }

  /** Ends the queue. What has arrived can still be taken, so that it need not be requested again. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#wake?.();
  }

  /** Waits for the next item. @throws NodeRequestError `timeout`, `cancelled`, or the one that ended the queue */
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
