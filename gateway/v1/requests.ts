/** Backfill requests to one version 1 node: sent within its bounds, answered by matching response, or given up. */
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

/** How long a step waits for a free place, and for an answer; afterwards it asks again. */
const PLACE_WAIT_MS = 2000;
const ANSWER_WAIT_MS = 60_000;
/** A node that works on a request sends something of it within this time. */
const SILENCE_MS = 30_000;
const LOOK_MS = 250;

interface Outstanding {
  attemptId: string;
  /** Absent: an earlier connection asked. */
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
  /** @returns whether it was sent: not where the socket closes */
  send(frame: HiveAnswerV1): boolean;
  /** Frames from here on may belong to the window. */
  open(window: BackfillWindow): void;
  /** What the node's clock says now, ms since the epoch. */
  nodeTime(): number | undefined;
  /** When the node last sent something that a backfill consists of, or what it has sent was last being stored. */
  lastSign(): number;
}

export class RequestsV1 {
  readonly #deps: RequestsDeps;
  readonly #outstanding = new Map<string, Outstanding>();
  /**
   * One request is counted and sent before the next is counted. A response ends all requests that were counted before
   * its own: one of them that was not sent yet would be answered later, as a request that nobody knows.
   */
  readonly #oneByOne = pLimit(1);
  #freed: (() => void)[] = [];
  #isClosed = false;

  constructor(deps: RequestsDeps) {
    this.#deps = deps;
  }

  /** Learns which requests of earlier connections the node may still answer on this one. */
  async load(): Promise<void> {
    for (const { id, attemptId } of await listOutstanding(this.#deps.database, this.#deps.session.nodeId)) {
      if (!this.#outstanding.has(id)) this.#outstanding.set(id, { attemptId, answer: withResolvers() });
    }
  }

  /** @throws NodeRequestError */
  async backfill(attemptId: string, type: 'full_attempt' | 'executions', signal: AbortSignal): Promise<BackfillAnswer> {
    const request = this.#waitingFor(attemptId, type) ?? (await this.#send(attemptId, type, signal));
    const startedAt = Date.now();
    const before = request.window.linesStored;
    while (!(await isSettledWithin(request.answer.promise, LOOK_MS))) {
      if (signal.aborted) throw cancelled();
      if (Date.now() - Math.max(startedAt, this.#deps.lastSign()) > SILENCE_MS) {
        throw new NodeRequestError('timeout', `the node sent nothing for ${SILENCE_MS / 1000} s`);
      }
      if (Date.now() - startedAt > ANSWER_WAIT_MS) {
        return { done: false, linesStored: request.window.linesStored - before };
      }
    }
    await request.answer.promise;
    return { done: true, linesStored: request.window.linesStored - before, changed: request.window.changed };
  }

  /** Whether an earlier connection asked about the attempt, and the answer is still owed. */
  owesFromBefore(attemptId: string): boolean {
    return [...this.#outstanding.values()].some((request) => request.attemptId === attemptId && !request.window);
  }

  isOutstanding(requestId: string): boolean {
    return this.#outstanding.has(requestId);
  }

  /** Ends a request whose response has been taken in. */
  settle(requestId: string, error?: NodeRequestError): void {
    const request = this.#outstanding.get(requestId);
    if (!request) return;
    this.#outstanding.delete(requestId);
    if (error) request.answer.reject(error);
    else request.answer.resolve();
    // a node answers in order: what an earlier connection asked for before this one's request comes no more
    if (request.window) for (const [id, { window }] of this.#outstanding) if (!window) this.settle(id);
    for (const wake of this.#freed.splice(0)) wake();
  }

  /** Ends every request: the socket is gone. */
  disconnect(): void {
    this.#isClosed = true;
    for (const id of [...this.#outstanding.keys()]) this.settle(id, disconnected());
  }

  #waitingFor(attemptId: string, type: string) {
    for (const { attemptId: id, window, answer } of this.#outstanding.values()) {
      if (id === attemptId && window?.type === type) return { window, answer };
    }
    return undefined;
  }

  async #send(attemptId: string, type: 'full_attempt' | 'executions', signal: AbortSignal) {
    const deadline = Date.now() + PLACE_WAIT_MS;
    for (;;) {
      await this.#place(deadline, signal);
      const sent = await this.#oneByOne(() => {
        if (this.#isClosed) throw disconnected();
        if (signal.aborted) throw cancelled();
        // those before it in the queue may have taken the places
        return this.#mayWait(deadline) ? undefined : this.#sendIfReserved(attemptId, type);
      });
      if (sent) return sent;
      if (Date.now() >= deadline) throw new NodeRequestError('busy', 'the node owes as many answers as it may');
    }
  }

  /** Undefined: the node owes as many answers as it may. */
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

  /** It was not sent: no answer will free its place. */
  async #release(requestId: string, attemptId: string): Promise<void> {
    try {
      await releaseRequest(this.#deps.database, requestId);
    } catch (error) {
      const nodeId = this.#deps.session.nodeId;
      this.#deps.logger.warn(
        { err: error, nodeId, attemptId },
        'a request that was not sent takes a place for ten minutes',
      );
    }
  }

  #mayWait(deadline: number): boolean {
    return this.#outstanding.size >= MAX_OUTSTANDING_REQUESTS && Date.now() < deadline;
  }

  /** Waits for a place that this connection knows of, until the deadline: after it the database has the word. */
  async #place(deadline: number, signal: AbortSignal): Promise<void> {
    while (this.#mayWait(deadline)) {
      if (this.#isClosed) throw disconnected();
      if (signal.aborted) throw cancelled();
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(LOOK_MS, deadline - Date.now()));
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
  promise.catch(() => undefined); // nobody may be waiting
  return { promise, resolve, reject };
}

function isSettledWithin(promise: Promise<unknown>, milliseconds: number): Promise<boolean> {
  const settled = promise.then(
    () => true,
    () => true,
  );
  return pTimeout(settled, { milliseconds, fallback: () => false });
}
