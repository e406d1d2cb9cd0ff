/**
 * Has searches in threads wait while the process answers a short request. Their low priority alone is not enough: they
 * share caches, cores' other halves and the locks of the process's memory with whoever answers.
 */

/** A request that takes longer is no short one: a stream, a download, a read that waits for a backfill. */
const SHORT_MS = 50;
/** The longest that a search waits at once. Over time it waits no more than it works. */
const MAX_WAIT_MS = 50;

/** Shared by threads: how many short requests are being answered. */
export type ShortRequests = Int32Array<SharedArrayBuffer>;

/** Of the thread that answers. */
export class RightOfWay {
  readonly requests: ShortRequests = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

  /** To be called when a request has come. @returns to be called when it was answered; harmless when repeated */
  take(): () => void {
    Atomics.add(this.requests, 0, 1);
    let isTaken = true;
    const giveBack = () => {
      if (!isTaken) return;
      isTaken = false;
      clearTimeout(timer);
      if (Atomics.sub(this.requests, 0, 1) === 1) Atomics.notify(this.requests, 0);
    };
    const timer = setTimeout(giveBack, SHORT_MS).unref();
    return giveBack;
  }
}

/** How a thread waits. @default by the system; given by tests */
export interface Waiting {
  now: () => number;
  /** Waits until the number changes, or the time is over. */
  wait: (requests: ShortRequests, count: number, ms: number) => void;
}

const BY_SYSTEM: Waiting = {
  now: () => performance.now(),
  wait: (requests, count, ms) => void Atomics.wait(requests, 0, count, ms),
};

/** Of one thread that searches. */
export class GivesWay {
  readonly #requests: ShortRequests;
  readonly #waiting: Waiting;
  /** How long it may wait, as of a moment. @format ms */
  #credit: { ms: number; at: number };

  constructor(requests: ShortRequests, waiting = BY_SYSTEM) {
    this.#requests = requests;
    this.#waiting = waiting;
    this.#credit = { ms: MAX_WAIT_MS, at: waiting.now() };
  }

  /** Waits while there are short requests, if it has not waited too much. Cheap when there are none. */
  wait(): void {
    if (Atomics.load(this.#requests, 0) === 0) return;
    const { now, wait } = this.#waiting;
    const start = now();
    const credit = Math.min(MAX_WAIT_MS, this.#credit.ms + start - this.#credit.at);
    let at = start;
    for (let count; (count = Atomics.load(this.#requests, 0)) > 0 && at < start + credit; at = now()) {
      wait(this.#requests, count, start + credit - at);
    }
    this.#credit = { ms: Math.max(0, credit - (at - start)), at };
  }
}
