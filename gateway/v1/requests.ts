/**
 * Requests to one version 1 node: whole backfills and asks, a few at once, each answered by the response with its id,
 * or given up.
 */
import { randomUUID } from 'node:crypto';
import pLimit from 'p-limit';
import pTimeout from 'p-timeout';
import type { Logger } from 'pino';
import type { Database } from '../../prisma/database.js';
import type { SessionFence } from '../../prisma/session.js';
import { listKnownExecutions } from '../../prisma/queries/v1/finish-backfill.js';
import {
  hasPlace,
  listOutstanding,
  releaseRequest,
  reserveRequest,
} from '../../prisma/queries/v1/outstanding-requests.js';
import type { HiveAnswerV1 } from '../../protocol/v1/frames.js';
import { type BackfillAnswer, NodeRequestError } from '../interface.js';
import { Ask } from './ask.js';
import { BackfillWindow } from './backfill-window.js';
import { OutstandingRequests, type Request, type Waiting } from './outstanding.js';

/** How long a step waits for a place among the outstanding requests; the backfill then asks again. */
const PLACE_WAIT_MS = 2000;
/** How long a step waits for an answer; the backfill then asks again. */
const ANSWER_WAIT_MS = 60_000;
/** A node that works on a request sends some part of the answer within this time. */
const SILENCE_MS = 30_000;
/** How often a wait checks whether it should end. */
const LOOK_MS = 250;
/** The maximum number of attempts in one ask. */
export const MAX_ASKED_ATTEMPTS = 50;

export interface RequestsDeps {
  database: Database;
  session: SessionFence;
  logger: Logger;
  /** @returns whether it was sent; false if the socket is closing */
  send(frame: HiveAnswerV1): boolean;
  /** The request was sent: frames that come from now on may belong to its window. */
  open(window: BackfillWindow | Ask): void;
  /** @returns the time by the node's clock, in ms since 1970; undefined before its first heartbeat */
  nodeTime(): number | undefined;
  /**
   * @returns when the node last sent a part of a backfill, or the hive was last storing what it sent, as a time of
   *   `performance.now()`
   */
  lastProgress(): number;
}

/** A request that is to be sent. */
interface Draft<Window extends BackfillWindow | Ask> {
  id: string;
  /** Null for an ask. */
  attemptId: string | null;
  attemptIds: string[];
  /** Called when there is a place for it. */
  makeWindow(): Promise<Window> | Window;
}

export class RequestsV1 {
  readonly #deps: RequestsDeps;
  readonly #outstanding = new OutstandingRequests();
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
    for (const { id, attemptId, seconds } of await listOutstanding(this.#deps.database, this.#deps.session.nodeId)) {
      this.#outstanding.addFromBefore(id, attemptId, seconds);
    }
  }

  /**
   * Waits for the answer to the attempt's open request, or sends one. `executions` asks for the executions without
   * their lines.
   * @throws NodeRequestError
   */
  async backfill(attemptId: string, type: 'full_attempt' | 'executions', signal: AbortSignal): Promise<BackfillAnswer> {
    if (type === 'executions') return this.#askAlone(attemptId, signal);
    const isWanted = (window: BackfillWindow | Ask): window is BackfillWindow =>
      window instanceof BackfillWindow && window.attemptId === attemptId;
    const request = this.#outstanding.find(isWanted) ?? (await this.#send(this.#draftBackfill(attemptId), signal));
    const before = request.window.linesStored;
    const isAnswered = await this.#untilAnswered(request, signal, ANSWER_WAIT_MS);
    const linesStored = request.window.linesStored - before;
    return isAnswered ? { done: true, linesStored, changed: request.window.changed } : { done: false, linesStored };
  }

  /**
   * Asks which executions the attempts have, and waits until the answer is stored.
   * @param attemptIds at most {@link MAX_ASKED_ATTEMPTS}; none at all is answered too, and frees what the node owed
   * @throws NodeRequestError; `busy` if another ask is out, or the node owes too many answers
   */
  async ask(attemptIds: string[], signal: AbortSignal): Promise<Ask> {
    const request = await this.#send(draftAsk(attemptIds), signal);
    await this.#untilAnswered(request, signal, Infinity);
    return request.window;
  }

  /** @returns whether the node still owes an answer about the attempt that an earlier connection asked for */
  owesFromBefore(attemptId: string): boolean {
    return this.#outstanding.owesFromBefore(attemptId);
  }

  isOutstanding(requestId: string): boolean {
    return this.#outstanding.has(requestId);
  }

  /** @returns the requests that a response to this one answers or skips, in the order of sending; none if it is not open */
  answeredBy(requestId: string): string[] {
    return this.#outstanding.answeredBy(requestId);
  }

  /** @returns whether the node still owes an answer, asked for by an earlier connection, that may describe the attempt */
  mayDescribe(attemptId: string): boolean {
    return this.#outstanding.mayDescribe(attemptId);
  }

  /** What the hive waits for. */
  get waiting(): Waiting {
    return this.#outstanding.waiting;
  }

  /** Ends a request whose response has been processed. */
  settle(requestId: string, error?: NodeRequestError): void {
    this.#outstanding.settle(requestId, error);
    for (const wake of this.#freed.splice(0)) wake();
  }

  /** Ends every request, since the socket has closed. */
  disconnect(): void {
    this.#isClosed = true;
    this.#outstanding.end(disconnected());
    for (const wake of this.#freed.splice(0)) wake();
  }

  async #askAlone(attemptId: string, signal: AbortSignal): Promise<BackfillAnswer> {
    const isWanted = (window: BackfillWindow | Ask): window is Ask =>
      window instanceof Ask && window.isAbout(attemptId);
    const request = this.#outstanding.find(isWanted) ?? (await this.#send(draftAsk([attemptId]), signal));
    if (!(await this.#untilAnswered(request, signal, ANSWER_WAIT_MS))) return { done: false, linesStored: 0 };
    const { window } = request;
    const error = window.errorOf(attemptId);
    if (error !== undefined) {
      throw new NodeRequestError(window.notFound.includes(attemptId) ? 'not_found' : 'internal', error);
    }
    return { done: true, linesStored: 0, changed: window.hasChanged(attemptId) };
  }

  #draftBackfill(attemptId: string): Draft<BackfillWindow> {
    const id = randomUUID();
    const makeWindow = async () => {
      const known = await listKnownExecutions(this.#deps.database, attemptId);
      return new BackfillWindow(id, attemptId, known, this.#deps.nodeTime());
    };
    return { id, attemptId, attemptIds: [attemptId], makeWindow };
  }

  /**
   * @returns false if the node is still working on it after `waitMs`
   * @throws NodeRequestError
   */
  async #untilAnswered({ answer }: Request, signal: AbortSignal, waitMs: number): Promise<boolean> {
    const startedAt = performance.now();
    while (!(await isSettledWithin(answer, LOOK_MS))) {
      if (signal.aborted) throw cancelled();
      if (performance.now() - Math.max(startedAt, this.#deps.lastProgress()) > SILENCE_MS) {
        throw new NodeRequestError('timeout', `the node sent nothing for ${SILENCE_MS / 1000} s`);
      }
      if (performance.now() - startedAt > waitMs) return false;
    }
    await answer;
    return true;
  }

  async #send<Window extends BackfillWindow | Ask>(
    draft: Draft<Window>,
    signal: AbortSignal,
  ): Promise<Request<Window>> {
    const kind = draft.attemptId === null ? 'ask' : 'backfill';
    const deadline = performance.now() + PLACE_WAIT_MS;
    for (;;) {
      await this.#waitForPlace(kind, deadline, signal);
      const sent = await this.#oneByOne(() => {
        if (this.#isClosed) throw disconnected();
        if (signal.aborted) throw cancelled();
        // requests ahead of this one in the queue may have taken the places
        return this.#shouldWait(kind, deadline) ? undefined : this.#sendIfReserved(draft);
      });
      if (sent) return sent;
      if (performance.now() >= deadline) {
        const { oldestSeconds } = this.waiting;
        throw new NodeRequestError('busy', 'the node already owes the maximum number of answers', oldestSeconds);
      }
    }
  }

  /** @returns undefined if the node already owes the maximum number of answers */
  async #sendIfReserved<Window extends BackfillWindow | Ask>(
    draft: Draft<Window>,
  ): Promise<Request<Window> | undefined> {
    const { id, attemptId } = draft;
    try {
      const { reserved, givenUp } = await reserveRequest(this.#deps.database, this.#deps.session, draft);
      for (const old of givenUp) this.settle(old, new NodeRequestError('timeout', 'the node has not answered'));
      if (!reserved) return undefined;
      const window = await draft.makeWindow();
      const backfill_type = attemptId === null ? 'executions' : 'full_attempt';
      const data = { message_id: id, backfill_type, entity_ids: draft.attemptIds, logs_after: null } as const;
      if (!this.#deps.send({ type: 'backfill_request', data })) throw disconnected();
      const request = this.#outstanding.add(window, attemptId);
      this.#deps.open(window);
      return request;
    } catch (error) {
      await this.#release(draft);
      throw error;
    }
  }

  /** Gives back the place of a request that was not sent, since no answer will. */
  async #release({ id, attemptId }: Draft<BackfillWindow | Ask>): Promise<void> {
    try {
      await releaseRequest(this.#deps.database, id);
    } catch (error) {
      const nodeId = this.#deps.session.nodeId;
      this.#deps.logger.warn(
        { err: error, nodeId, attemptId },
        'a request that was not sent keeps its place for ten minutes',
      );
    }
  }

  #shouldWait(kind: 'ask' | 'backfill', deadline: number): boolean {
    return !hasPlace(this.#outstanding.owed, kind) && performance.now() < deadline;
  }

  /** Waits for a place, as far as this connection knows, until the deadline. After that, the database decides. */
  async #waitForPlace(kind: 'ask' | 'backfill', deadline: number, signal: AbortSignal): Promise<void> {
    while (this.#shouldWait(kind, deadline)) {
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

function draftAsk(attemptIds: string[]): Draft<Ask> {
  const id = randomUUID();
  return { id, attemptId: null, attemptIds, makeWindow: () => new Ask(id, attemptIds) };
}

function isSettledWithin(promise: Promise<unknown>, milliseconds: number): Promise<boolean> {
  const settled = promise.then(
    () => true,
    () => true,
  );
  return pTimeout(settled, { milliseconds, fallback: () => false });
}
