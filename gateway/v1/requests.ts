/** Backfill requests to one version 1 node: a few at once, each answered by the response with its id, or given up. */
import { randomUUID } from 'node:crypto';
import pLimit from 'p-limit';
import pTimeout from 'p-timeout';
import type { Logger } from 'pino';
import type { Database } from '../../prisma/database.js';
import type { SessionFence } from '../../prisma/session.js';
import { listKnownExecutions } from '../../prisma/queries/v1/finish-backfill.js';
import {
  listOutstanding,
  MAX_OUTSTANDING_REQUESTS,
  releaseRequest,
  reserveRequest,
} from '../../prisma/queries/v1/outstanding-requests.js';
import type { HiveAnswerV1 } from '../../protocol/v1/frames.js';
import { type BackfillAnswer, NodeRequestError } from '../interface.js';
import { BackfillWindow } from './backfill-window.js';

/** How long a step waits for a place among the outstanding requests; the backfill then asks again. */
const PLACE_WAIT_MS = 2000;
/** How long a step waits for an answer; the backfill then asks again. */
const ANSWER_WAIT_MS = 60_000;
/** A node that works on a request sends some part of the answer within this time. */
const SILENCE_MS = 30_000;
/** How often a wait checks whether it should end. */
const LOOK_MS = 250;

interface Outstanding {
  attemptId: string;
  /** Absent if an earlier connection sent the request. */
  window?: BackfillWindow;
  answer: PromiseWithResolvers;
}

interface PromiseWithResolvers {
  promise: Promise<void>;
  resolve: () => void;
  reject: (error: NodeRequestError) => void;
}

export interface RequestsDeps {
  database: Database;
  session: SessionFence;
  logger: Logger;
  /** @returns whether it was sent; false if the socket is closing */
  send(frame: HiveAnswerV1): boolean;
  /** The request was sent: frames that come from now on may belong to its window. */
  open(window: BackfillWindow): void;
  /** @returns the time by the node's clock, in ms since 1970; undefined before its first heartbeat */
  nodeTime(): number | undefined;
  /**
   * @returns when the node last sent a part of a backfill, or the hive was last storing what it sent, as a time of
   *   `performance.now()`
   */
  lastProgress(): number;
}

export class RequestsV1 {
  readonly #deps: RequestsDeps;
  readonly #outstanding = new Map<string, Outstanding>();
  /**
   * Each request is reserved and sent before the next one is reserved. A response ends all requests that were reserved
   * before its own. If one of those were sent only later, its response would match no request.
   */
  readonly #oneByOne = pLimit(1);
  #freed: (() => void)[] = [];
  #isClosed = false;

  constructor(deps: RequestsDeps) {
    this.#deps = deps;
  }

  /** Loads the requests of earlier connections that the node may still answer on this one. */
  async load(): Promise<void> {
    for (const { id, attemptId } of await listOutstanding(this.#deps.database, this.#deps.session.nodeId)) {
      if (!this.#outstanding.has(id)) this.#outstanding.set(id, { attemptId, answer: withResolvers() });
    }
  }

  /** Waits for the answer to the attempt's open request, or sends one. @throws NodeRequestError */
  async backfill(attemptId: string, type: 'full_attempt' | 'executions', signal: AbortSignal): Promise<BackfillAnswer> {
    const request = this.#findSent(attemptId, type) ?? (await this.#send(attemptId, type, signal));
    const startedAt = performance.now();
    const before = request.window.linesStored;
    while (!(await isSettledWithin(request.answer.promise, LOOK_MS))) {
      if (signal.aborted) throw cancelled();
      if (performance.now() - Math.max(startedAt, this.#deps.lastProgress()) > SILENCE_MS) {
        throw new NodeRequestError('timeout', `the node sent nothing for ${SILENCE_MS / 1000} s`);
      }
      if (performance.now() - startedAt > ANSWER_WAIT_MS) {
        return { done: false, linesStored: request.window.linesStored - before };
      }
    }
    await request.answer.promise;
    return { done: true, linesStored: request.window.linesStored - before, changed: request.window.changed };
  }

  /** @returns whether the node still owes an answer about the attempt that an earlier connection asked for */
  owesFromBefore(attemptId: string): boolean {
    return [...this.#outstanding.values()].some((request) => request.attemptId === attemptId && !request.window);
  }

  isOutstanding(requestId: string): boolean {
    return this.#outstanding.has(requestId);
  }

  /** @returns the requests that a response to this one answers or skips, in the order of sending; none if it is not open */
  answeredBy(requestId: string): string[] {
    const ids = [...this.#outstanding.keys()];
    return ids.slice(0, ids.indexOf(requestId) + 1);
  }

  /** Ends a request whose response has been processed. */
  settle(requestId: string, error?: NodeRequestError): void {
    const request = this.#outstanding.get(requestId);
    if (!request) return;
    this.#outstanding.delete(requestId);
    if (error) request.answer.reject(error);
    else request.answer.resolve();
    // a node answers in order, so what earlier connections asked for will not come any more
    if (request.window) for (const [id, { window }] of this.#outstanding) if (!window) this.settle(id);
    for (const wake of this.#freed.splice(0)) wake();
  }

  /** Ends every request, since the socket has closed. */
  disconnect(): void {
    this.#isClosed = true;
    for (const id of [...this.#outstanding.keys()]) this.settle(id, disconnected());
  }

  /** @returns the open request that this connection sent for the attempt; undefined if there is none */
  #findSent(attemptId: string, type: string) {
    for (const { attemptId: id, window, answer } of this.#outstanding.values()) {
      if (id === attemptId && window?.type === type) return { window, answer };
    }
    return undefined;
  }

  async #send(attemptId: string, type: 'full_attempt' | 'executions', signal: AbortSignal) {
    const deadline = performance.now() + PLACE_WAIT_MS;
    for (;;) {
      await this.#waitForPlace(deadline, signal);
      const sent = await this.#oneByOne(() => {
        if (this.#isClosed) throw disconnected();
        if (signal.aborted) throw cancelled();
        // requests ahead of this one in the queue may have taken the places
        return this.#shouldWait(deadline) ? undefined : this.#sendIfReserved(attemptId, type);
      });
      if (sent) return sent;
      if (performance.now() >= deadline)
        throw new NodeRequestError('busy', 'the node already owes the maximum number of answers');
    }
  }

  /** @returns undefined if the node already owes the maximum number of answers */
  async #sendIfReserved(attemptId: string, type: 'full_attempt' | 'executions') {
    const { database, session } = this.#deps;
    const id = randomUUID();
    try {
      const { reserved, givenUp } = await reserveRequest(database, session, { id, attemptId });
      for (const old of givenUp) this.settle(old, new NodeRequestError('timeout', 'the node has not answered'));
      if (!reserved) return undefined;
      const known = await listKnownExecutions(database, attemptId);
      const window = new BackfillWindow(id, attemptId, type, known, this.#deps.nodeTime());
      const data = { message_id: id, backfill_type: type, entity_ids: [attemptId], logs_after: null };
      if (!this.#deps.send({ type: 'backfill_request', data })) throw disconnected();
      const answer = withResolvers();
      this.#outstanding.set(id, { attemptId, window, answer });
      this.#deps.open(window);
      return { window, answer };
    } catch (error) {
      await this.#release(id, attemptId);
      throw error;
    }
  }

  /** Gives back the place of a request that was not sent, since no answer will. */
  async #release(requestId: string, attemptId: string): Promise<void> {
    try {
      await releaseRequest(this.#deps.database, requestId);
    } catch (error) {
      const nodeId = this.#deps.session.nodeId;
      this.#deps.logger.warn(
        { err: error, nodeId, attemptId },
        'a request that was not sent keeps its place for ten minutes',
      );
    }
  }

  #shouldWait(deadline: number): boolean {
    return this.#outstanding.size >= MAX_OUTSTANDING_REQUESTS && performance.now() < deadline;
  }

  /** Waits for a place, as far as this connection knows, until the deadline. After that, the database decides. */
  async #waitForPlace(deadline: number, signal: AbortSignal): Promise<void> {
    while (this.#shouldWait(deadline)) {
      if (this.#isClosed) throw disconnected();
      if (signal.aborted) throw cancelled();
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(LOOK_MS, deadline - performance.now()));
        this.#freed.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    if (this.#isClosed) throw disconnected();
  }
}

const cancelled = () => new NodeRequestError('cancelled', 'the request was cancelled');
const disconnected = () => new NodeRequestError('disconnected', 'the node disconnected');

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

function isSettledWithin(promise: Promise<unknown>, milliseconds: number): Promise<boolean> {
  const settled = promise.then(
    () => true,
    () => true,
  );
  return pTimeout(settled, { milliseconds, fallback: () => false });
}
