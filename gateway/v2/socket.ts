/** One authenticated node's socket (protocol version 2): reads its frames and passes them to where they belong. */
import type { Logger } from 'pino';
import type { RawData, WebSocket } from 'ws';
import { decodeLogPageFrame } from '../../protocol/binary-frame.js';
import { nodeFrame, type HiveFrame, type NodeFrame, type SyncState } from '../../protocol/frames.js';
import { SILENCE_TIMEOUT_MS } from '../../protocol/limits.js';
import { decodeTextFrame, encodeTextFrame, FrameError } from '../../protocol/text-frame.js';
import type { Database } from '../../prisma/database.js';
import type { NodeSession } from '../../prisma/session.js';
import { FaultCounter } from './fault-counter.js';
import { Intake } from './ingest.js';
import type { SocketEvents } from '../node-socket.js';
import type { PagedConnection } from '../interface.js';
import type { LivePageWriter } from './live-page-writer.js';
import { frameFaults } from '../metrics.js';
import { NodeRequests } from './requests.js';

/** A node that does not read what it is sent is cut off at so many unsent bytes. */
const MAX_UNSENT_BYTES = 16 * 1024 * 1024;

export interface NodeSocketDeps {
  database: Database;
  livePages: LivePageWriter;
  logger: Logger;
  events: SocketEvents;
}

export class NodeSocket implements PagedConnection {
  readonly protocol = 2;
  readonly #ws: WebSocket;
  readonly #deps: NodeSocketDeps;
  readonly #intake: Intake;
  readonly #requests: NodeRequests;
  readonly #faults = new FaultCounter();
  readonly #silence: NodeJS.Timeout;
  /** Requests that are still storing what has arrived; the lease is kept for them after the socket closed. */
  readonly #readers = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor(
    ws: WebSocket,
    readonly session: NodeSession & { sessionId: string; apiKeyId: string },
    deps: NodeSocketDeps,
  ) {
    this.#ws = ws;
    this.#deps = deps;
    this.#requests = new NodeRequests((frame) => this.send(frame));
    const { database, livePages, logger } = deps;
    const events = {
      send: (frame: HiveFrame) => this.send(frame),
      fault: (message: string, messageId?: string) => this.#fault(message, messageId),
      pressure: (high: boolean) => (high ? this.#pause() : this.#resume()),
      backfillNeeded: (reason: 'announced' | 'change') => deps.events.backfillNeeded(this, reason),
      superseded: () => this.close('superseded by a newer connection of this node'),
      failed: (error: unknown) => {
        logger.error({ err: error, nodeId: session.nodeId }, 'what the node sent could not be stored');
        this.close('internal error');
      },
    };
    this.#intake = new Intake(database, livePages, session, events, logger);
    this.#silence = setTimeout(() => this.#endSilence(), SILENCE_TIMEOUT_MS);
    ws.on('message', (data, isBinary) => this.#receive(data, isBinary));
    ws.on('close', () => void this.#end());
  }

  async *describeAttempt(attemptId: string, signal: AbortSignal) {
    yield* this.#requests.describeAttempt(attemptId, signal);
  }

  async *readLogs(executionId: string, afterSeq: number, signal: AbortSignal) {
    let finished: () => void = () => undefined;
    const reader = new Promise<void>((resolve) => (finished = resolve));
    this.#readers.add(reader);
    try {
      return yield* this.#requests.readLogs(executionId, afterSeq, signal);
    } finally {
      this.#readers.delete(reader);
      finished();
    }
  }

  acknowledge(attemptId: string, revision: bigint, state: SyncState): void {
    const data = { attempt_id: attemptId, revision: Number(revision), sync_state: state };
    this.send({ type: 'sync_ack', data });
  }

  send(frame: HiveFrame): void {
    if (this.#ws.readyState !== this.#ws.OPEN) return;
    if (this.#ws.bufferedAmount > MAX_UNSENT_BYTES) {
      this.#deps.logger.warn({ nodeId: this.session.nodeId }, 'node does not read what it is sent; closing its socket');
      this.#ws.terminate();
      return;
    }
    this.#ws.send(encodeTextFrame(frame));
  }

  /** Tells the node why, and closes. */
  close(reason: string): void {
    if (this.#ws.readyState !== this.#ws.OPEN) return;
    this.#deps.logger.info({ nodeId: this.session.nodeId, reason }, 'closing node socket');
    this.send({ type: 'close', data: { reason } });
    this.#ws.close(1000, reason.slice(0, 100));
    setTimeout(() => this.#ws.terminate(), 2000).unref();
  }

  #receive(raw: RawData, isBinary: boolean): void {
    if (this.#isClosed) return;
    this.#silence.refresh();
    const data = raw as Buffer;
    try {
      if (isBinary) this.#receivePage(data);
      else this.#receiveFrame(decodeTextFrame(nodeFrame, data), data.length);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#fault(error.message);
    }
  }

  #receivePage(data: Buffer): void {
    const { header, gzip } = decodeLogPageFrame(data);
    const { request_id: requestId, execution_id: executionId, log_epoch: logEpoch } = header;
    const page = { executionId, logEpoch, firstSeq: header.first_seq, lastSeq: header.last_seq, gzip };
    if (requestId) this.#requests.page(requestId, page);
    else this.#intake.add({ type: 'page', page, bytes: data.length });
  }

  #receiveFrame(frame: NodeFrame, bytes: number): void {
    switch (frame.type) {
      case 'heartbeat':
        this.send({ type: 'heartbeat_ack', data: { server_time: new Date().toISOString() } });
        this.#deps.events.heartbeat(this, frame.data.status);
        return;
      case 'attempt_sync':
        this.#intake.add({ type: frame.type, data: frame.data, bytes });
        return;
      case 'execution_sync':
        this.#intake.add({ type: frame.type, data: frame.data, bytes });
        return;
      case 'announced':
        this.#intake.add({ type: frame.type, bytes });
        return;
      case 'attempt_described':
      case 'logs_end':
      case 'request_failed':
        this.#requests.answer(frame);
        return;
      case 'error':
        this.#deps.logger.warn({ nodeId: this.session.nodeId, error: frame.data.error }, 'node reports an error');
        if (frame.data.message_id != null) this.#intake.add({ type: 'unknown', id: frame.data.message_id, bytes });
    }
  }

  #fault(message: string, messageId?: string): void {
    this.#deps.logger.warn({ nodeId: this.session.nodeId, fault: message }, 'faulty frame');
    frameFaults.inc();
    this.send({ type: 'error', data: { error: message, ...(messageId && { message_id: messageId }) } });
    if (this.#faults.count()) this.close('too many faulty frames');
  }

  #pause(): void {
    this.#ws.pause();
  }

  /** A node whose frames are not read now is not silent. (A timer that was cleared can't be refreshed.) */
  #endSilence(): void {
    if (this.#ws.isPaused) this.#silence.refresh();
    else this.close('heartbeat timeout');
  }

  #resume(): void {
    this.#ws.resume();
    this.#silence.refresh();
  }

  async #end(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#silence);
    this.#requests.disconnect();
    await Promise.all([this.#intake.stop(), ...this.#readers]);
    this.#deps.events.closed(this);
  }
}
