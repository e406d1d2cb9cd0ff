/** Requests to one node, and their answers, which are matched by `request_id`. */
import { randomUUID } from 'node:crypto';
import type { FrameData, HiveFrame, NodeFrame } from '../../protocol/frames.js';
import { MAX_PAGE_GZIP_BYTES } from '../../protocol/limits.js';
import { FrameError } from '../../protocol/text-frame.js';
import { NodeRequestError, type DescribedPart, type LogPage, type LogsEnd } from '../interface.js';
import { Mailbox } from './mailbox.js';

/** Pages that a node may send ahead of those that have been taken to be stored. Enough to hide the round trip. */
const READ_AHEAD_PAGES = 8;
/**
 * Pages of one grant. A grant is a frame to send and wakes the node, so there should not be one for each page. The
 * credit is worth two grants: while the pages of one are taken, the node sends those of the other.
 */
const GRANT_PAGES = READ_AHEAD_PAGES / 2;
const DESCRIBE_TIMEOUT_MS = 30_000;
const PAGE_TIMEOUT_MS = 30_000;
/** A node may have very many lines to remove. One that answers later still has done it by the next time. */
const FORGET_TIMEOUT_MS = 60_000;
/** Ids of ended requests that are remembered, so that a late answer can be told from one that was never requested. */
const REMEMBERED_REQUESTS = 10_000;

type Answer =
  | { type: 'page'; page: LogPage }
  | { type: 'forgotten' }
  | { type: 'described'; data: FrameData<NodeFrame, 'attempt_described'> }
  | { type: 'logs_end'; data: FrameData<NodeFrame, 'logs_end'> };

interface PendingRequest {
  kind: 'describe' | 'read' | 'forget';
  answers: Mailbox<Answer>;
  /** The number of pages that the node may still send. */
  credit: number;
}

export class RequestsV2 {
  readonly #pending = new Map<string, PendingRequest>();
  readonly #ended = new Set<string>();
  readonly #send: (frame: HiveFrame) => unknown;

  constructor(send: (frame: HiveFrame) => unknown) {
    this.#send = send;
  }

  async describeAttempt(attemptId: string, after: string | undefined, signal: AbortSignal): Promise<DescribedPart> {
    const { attempt, executions, more } = await this.#describePart(attemptId, after, signal);
    if (attempt.attempt_id !== attemptId || executions.some((e) => e.attempt_id !== attemptId)) {
      throw new NodeRequestError('protocol', `node described an attempt other than ${attemptId}`);
    }
    if (more && executions.length === 0) {
      throw new NodeRequestError('protocol', `node described no execution of ${attemptId} but promised more`);
    }
    return { attempt, executions, last: !more };
  }

  async #describePart(attemptId: string, after: string | undefined, signal: AbortSignal) {
    const { requestId, request } = this.#open('describe', 0);
    try {
      this.#send({
        type: 'describe_attempt',
        data: { request_id: requestId, attempt_id: attemptId, ...(after && { after_execution_id: after }) },
      });
      const answer = await request.answers.take(DESCRIBE_TIMEOUT_MS, signal);
      if (answer.type !== 'described') throw new NodeRequestError('protocol', 'node did not answer with a description');
      return answer.data;
    } finally {
      this.#close(requestId);
    }
  }

  /** @throws NodeRequestError */
  async forgetAttempt(attemptId: string, signal: AbortSignal): Promise<void> {
    const { requestId, request } = this.#open('forget', 0);
    try {
      this.#send({ type: 'forget_attempt', data: { request_id: requestId, attempt_id: attemptId } });
      const answer = await request.answers.take(FORGET_TIMEOUT_MS, signal);
      if (answer.type !== 'forgotten') throw new NodeRequestError('protocol', 'node did not say that it has forgotten');
    } finally {
      this.#close(requestId);
    }
  }

  async *readLogs(executionId: string, afterSeq: number, signal: AbortSignal): AsyncGenerator<LogPage, LogsEnd> {
    const { requestId, request } = this.#open('read', READ_AHEAD_PAGES);
    let ended = false;
    let taken = 0;
    try {
      this.#send({
        type: 'read_logs',
        data: {
          request_id: requestId,
          execution_id: executionId,
          after_seq: afterSeq,
          max_page_bytes: MAX_PAGE_GZIP_BYTES,
          credit: READ_AHEAD_PAGES,
        },
      });
      for (;;) {
        const answer = await request.answers.take(PAGE_TIMEOUT_MS, signal);
        if (answer.type === 'logs_end') {
          ended = true;
          const { log_lines: logLines, log_epoch: logEpoch, status } = answer.data;
          return { logLines, logEpoch, status };
        }
        if (answer.type !== 'page') throw new NodeRequestError('protocol', 'node did not answer with a page');
        if (answer.page.executionId !== executionId) {
          throw new NodeRequestError('protocol', `node sent a page of an execution other than ${executionId}`);
        }
        yield answer.page;
        if (++taken < GRANT_PAGES) continue;
        taken = 0;
        request.credit += GRANT_PAGES;
        this.#send({ type: 'grant', data: { request_id: requestId, pages: GRANT_PAGES } });
      }
    } catch (error) {
      ended ||= error instanceof NodeRequestError && ['disconnected', 'not_found', 'internal'].includes(error.code);
      throw error;
    } finally {
      if (!ended) this.#send({ type: 'cancel', data: { request_id: requestId } });
      this.#close(requestId);
    }
  }

  /**
   * Passes an answer on to its request; a late one is dropped.
   * @throws FrameError if there was no such request
   */
  answer(frame: FrameOf<'attempt_described' | 'attempt_forgotten' | 'logs_end' | 'request_failed'>): void {
    const request = this.#find(frame.data.request_id);
    if (!request) return;
    if (frame.type === 'request_failed') {
      const { code, message } = frame.data;
      request.answers.fail(new NodeRequestError(code, message));
    } else if (frame.type === 'attempt_described') {
      if (request.kind !== 'describe') throw new FrameError('attempt_described answers another request');
      request.answers.put({ type: 'described', data: frame.data });
    } else if (frame.type === 'attempt_forgotten') {
      if (request.kind !== 'forget') throw new FrameError('attempt_forgotten answers another request');
      request.answers.put({ type: 'forgotten' });
    } else {
      if (request.kind !== 'read') throw new FrameError('logs_end answers another request');
      request.answers.put({ type: 'logs_end', data: frame.data });
    }
  }

  /** Passes a page on to its request; a late one is dropped. @throws FrameError if there was no request or no credit */
  page(requestId: string, page: LogPage): void {
    const request = this.#find(requestId);
    if (!request) return;
    if (request.kind !== 'read') throw new FrameError('log_page answers another request');
    if (request.credit === 0) {
      const message = 'log_page goes beyond the granted credit';
      request.answers.fail(new NodeRequestError('protocol', message));
      throw new FrameError(message);
    }
    request.credit--;
    request.answers.put({ type: 'page', page });
  }

  /** Ends every request, since the socket has closed. */
  disconnect(): void {
    for (const request of this.#pending.values()) {
      request.answers.fail(new NodeRequestError('disconnected', 'the node disconnected'));
    }
  }

  #open(kind: PendingRequest['kind'], credit: number) {
    const requestId = randomUUID();
    const request: PendingRequest = { kind, answers: new Mailbox(), credit };
    this.#pending.set(requestId, request);
    return { requestId, request };
  }

  #close(requestId: string): void {
    this.#pending.delete(requestId);
    this.#ended.add(requestId);
    if (this.#ended.size > REMEMBERED_REQUESTS) {
      const [oldest] = this.#ended;
      if (oldest !== undefined) this.#ended.delete(oldest);
    }
  }

  #find(requestId: string): PendingRequest | undefined {
    const request = this.#pending.get(requestId);
    if (!request && !this.#ended.has(requestId)) throw new FrameError('answer to a request that was not made');
    return request;
  }
}

type FrameOf<T extends NodeFrame['type']> = Extract<NodeFrame, { type: T }>;
