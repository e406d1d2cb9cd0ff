/** The requests that a node has not answered, as one connection knows them. */
import type { Owed } from '../../prisma/queries/v1/outstanding-requests.js';
import type { NodeRequestError } from '../interface.js';
import { requestsOutstanding } from '../metrics.js';
import { Ask } from './ask.js';
import type { BackfillWindow } from './backfill-window.js';

export interface Request<Window extends BackfillWindow | Ask = BackfillWindow | Ask> {
  window: Window;
  /** Resolves when the node has answered and the answer is stored. */
  answer: Promise<void>;
}

interface Entry {
  /** Null for an ask. */
  attemptId: string | null;
  /** Absent if an earlier connection sent the request. */
  window?: BackfillWindow | Ask;
  /** By `performance.now()`, without the time that the node was away since. */
  sentAt: number;
  answer: PromiseWithResolvers;
}

interface PromiseWithResolvers {
  promise: Promise<void>;
  resolve: () => void;
  reject: (error: NodeRequestError) => void;
}

/** What the hive waits for. */
export interface Waiting {
  /** All requests that the node has not answered, and those among them that earlier connections sent. */
  requests: number;
  fromBefore: number;
  /** How long the oldest has been out. @format s */
  oldestSeconds: number;
}

export class OutstandingRequests {
  readonly #entries = new Map<string, Entry>();

  /** Notes a request that an earlier connection sent. @param seconds how long ago, without the node's absence */
  addFromBefore(id: string, attemptId: string | null, seconds: number): void {
    if (this.#entries.has(id)) return;
    this.#add(id, { attemptId, sentAt: performance.now() - seconds * 1000, answer: withResolvers() });
  }

  /** Notes a request that was sent just now. @param attemptId null for an ask */
  add<Window extends BackfillWindow | Ask>(window: Window, attemptId: string | null): Request<Window> {
    const answer = withResolvers();
    this.#add(window.requestId, { attemptId, window, sentAt: performance.now(), answer });
    return { window, answer: answer.promise };
  }

  has(requestId: string): boolean {
    return this.#entries.has(requestId);
  }

  /** @returns the first open request of this connection whose window fits; undefined if none does */
  find<Window extends BackfillWindow | Ask>(
    fits: (window: BackfillWindow | Ask) => window is Window,
  ): Request<Window> | undefined {
    for (const { window, answer } of this.#entries.values()) {
      if (window && fits(window)) return { window, answer: answer.promise };
    }
    return undefined;
  }

  /** @returns whether the node still owes the attempt's log, which an earlier connection asked for */
  owesFromBefore(attemptId: string): boolean {
    return [...this.#entries.values()].some((entry) => entry.attemptId === attemptId && !entry.window);
  }

  /** @returns whether the node still owes an answer, asked for by an earlier connection, that may describe the attempt */
  mayDescribe(attemptId: string): boolean {
    const fromBefore = [...this.#entries.values()].filter(({ window }) => !window);
    return fromBefore.some((entry) => entry.attemptId === null || entry.attemptId === attemptId);
  }

  /** @returns the requests that a response to this one answers or skips, in the order of sending; none if it is not open */
  answeredBy(requestId: string): string[] {
    const ids = [...this.#entries.keys()];
    return ids.slice(0, ids.indexOf(requestId) + 1);
  }

  get owed(): Owed {
    const all = [...this.#entries.values()];
    const own = all.filter(({ window }) => window !== undefined);
    return {
      all: all.length,
      own: own.length,
      ownAsks: own.filter(({ window }) => window instanceof Ask).length,
      backfills: all.filter(({ attemptId }) => attemptId !== null).length,
    };
  }

  get waiting(): Waiting {
    const all = [...this.#entries.values()];
    const oldest = Math.min(performance.now(), ...all.map(({ sentAt }) => sentAt));
    const { all: requests, own } = this.owed;
    return { requests, fromBefore: requests - own, oldestSeconds: (performance.now() - oldest) / 1000 };
  }

  /** Ends a request whose response has been processed. */
  settle(requestId: string, error?: NodeRequestError): void {
    const entry = this.#entries.get(requestId);
    if (!entry) return;
    this.#entries.delete(requestId);
    requestsOutstanding.dec(kindOf(entry));
    if (error) entry.answer.reject(error);
    else entry.answer.resolve();
    // a node answers in order, so what earlier connections asked for will not come any more
    if (entry.window) for (const [id, { window }] of this.#entries) if (!window) this.settle(id);
  }

  /** Ends all requests with the error. */
  end(error: NodeRequestError): void {
    for (const id of [...this.#entries.keys()]) this.settle(id, error);
  }

  #add(id: string, entry: Entry): void {
    this.#entries.set(id, entry);
    requestsOutstanding.inc(kindOf(entry));
  }
}

function kindOf({ attemptId, window }: Entry) {
  return { kind: window === undefined ? 'earlier' : attemptId === null ? 'ask' : 'backfill' };
}

function withResolvers(): PromiseWithResolvers {
  let resolve!: () => void;
  let reject!: (error: NodeRequestError) => void;
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  promise.catch(() => undefined); // perhaps nobody is waiting for it
  return { promise, resolve, reject };
}
