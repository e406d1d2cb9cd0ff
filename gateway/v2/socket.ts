/**
 * The socket of a node that speaks protocol version 2: reads its frames and passes each on to the part that handles it.
 */
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { RawData, WebSocket } from 'ws';
import type { Database } from '../../prisma/database.js';
import { decodeLogPageFrame } from '../../protocol/binary-frame.js';
import {
  FORGET_ATTEMPT,
  nodeFrame,
  type FrameData,
  type HiveFrame,
  type NodeFrame,
  type SyncRefusalCode,
  type SyncState,
} from '../../protocol/frames.js';
import {
  HEARTBEAT_INTERVAL_SECONDS,
  MAX_BINARY_FRAME_BYTES,
  MAX_FAULTS_PER_MINUTE,
  MAX_PAGE_GZIP_BYTES,
  PROTOCOL_VERSION,
} from '../../protocol/limits.js';
import { decodeTextFrame, FrameError } from '../../protocol/text-frame.js';
import { ingestEventsFor } from '../ingest-events.js';
import type { PagedConnection } from '../interface.js';
import { frameFaults } from '../metrics.js';
import type { AcknowledgingSocket, LoginSession, SocketEvents } from '../node-socket.js';
import { SocketGuard } from '../socket-guard.js';
import { IngestV2 } from './ingest.js';
import type { LivePageWriter } from './live-page-writer.js';
import { limitMessages } from './message-limit.js';
import { RequestsV2 } from './requests.js';

export interface SocketV2Deps {
  database: Database;
  livePages: LivePageWriter;
  logger: Logger;
  events: SocketEvents;
}

/** What nodes that do not know `sync_refused` are told. */
const REFUSALS: Record<SyncRefusalCode, string> = {
  belongs_to_another_node: 'the attempt belongs to another node',
  execution_of_another_attempt: 'the execution belongs to another attempt',
  deleted: 'an admin has deleted the attempt',
};

export class SocketV2 implements PagedConnection, AcknowledgingSocket {
  readonly protocol = 2;
  readonly #ws: WebSocket;
  readonly #tcp: Socket;
  readonly #deps: SocketV2Deps;
  readonly #guard: SocketGuard;
  readonly #ingest: IngestV2;
  readonly #requests: RequestsV2;
  /** When the faulty frames of the last minute came, as times of `performance.now()`. */
  #faults: number[] = [];
  /** Reads that may still be storing what has arrived. The lease is kept for them after the socket has closed. */
  readonly #readers = new Set<Promise<unknown>>();
  /** The status in the node's last heartbeat. */
  #status = 'online';
  #isClosed = false;

  constructor(
    ws: WebSocket,
    tcp: Socket,
    readonly session: LoginSession,
    deps: SocketV2Deps,
  ) {
    this.#ws = ws;
    this.#tcp = tcp;
    this.#deps = deps;
    const { logger } = deps;
    this.#guard = new SocketGuard(ws, {
      nodeId: session.nodeId,
      logger,
      end: (reason) => ws.close(1000, reason.slice(0, 100)),
      arrived: () => tcp.bytesRead, // every message is a sign of life, so these are of one that is still arriving
      renew: () => deps.events.heartbeat(this, this.#status),
    });
    this.#requests = new RequestsV2((frame) => this.#guard.send(frame));
    this.#ingest = new IngestV2({
      ...deps,
      session,
      send: (frame) => this.#send(frame),
      refuse: (refusal) => this.#refuse(refusal),
      fault: (message, messageId) => this.#fault(message, messageId),
      events: ingestEventsFor(this, this.#guard, deps),
    });
    ws.on('message', (data, isBinary) => this.#receive(data, isBinary));
    ws.on('close', () => void this.#end());
  }

  welcome(): Promise<void> {
    const { nodeId, organizationId, sessionId, knownMarkers } = this.session;
    limitMessages(this.#ws, this.#tcp, MAX_BINARY_FRAME_BYTES);
    this.#guard.send({
      type: 'auth_result',
      data: {
        success: true,
        node_id: nodeId,
        organization_id: organizationId,
        protocol_version: PROTOCOL_VERSION,
        session_id: sessionId,
        heartbeat_interval_seconds: HEARTBEAT_INTERVAL_SECONDS,
        max_page_bytes: MAX_PAGE_GZIP_BYTES,
        ...(knownMarkers && { known_markers: knownMarkers }),
      },
    });
    this.#deps.events.loggedIn(this);
    return Promise.resolve();
  }

  describeAttempt(attemptId: string, afterExecutionId: string | undefined, signal: AbortSignal) {
    return this.#requests.describeAttempt(attemptId, afterExecutionId, signal);
  }

  forgetAttempt(attemptId: string, signal: AbortSignal): Promise<void> {
    return this.#requests.forgetAttempt(attemptId, signal);
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
    this.#send({ type: 'sync_ack', data });
  }

  sendMarker(id: string): void {
    if (this.session.knownMarkers) this.#guard.send({ type: 'marker', data: { id } });
  }

  close(reason: string): void {
    this.#guard.close(reason);
  }

  #receive(raw: RawData, isBinary: boolean): void {
    if (this.#isClosed) return;
    this.#guard.heard();
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
    else this.#ingest.add({ type: 'page', page, bytes: data.length });
  }

  #receiveFrame(frame: NodeFrame, bytes: number): void {
    switch (frame.type) {
      case 'heartbeat':
        this.#guard.send({ type: 'heartbeat_ack', data: { server_time: new Date().toISOString() } });
        this.#status = frame.data.status;
        this.#deps.events.heartbeat(this, this.#status);
        return;
      case 'attempt_sync':
        this.#ingest.add({ type: frame.type, data: frame.data, bytes });
        return;
      case 'execution_sync':
        this.#ingest.add({ type: frame.type, data: frame.data, bytes });
        return;
      case 'announced':
        this.#ingest.add({ type: frame.type, bytes });
        return;
      case 'attempt_described':
      case 'attempt_forgotten':
      case 'logs_end':
      case 'request_failed':
        this.#requests.answer(frame);
        return;
      case 'error':
        this.#deps.logger.warn({ nodeId: this.session.nodeId, error: frame.data.error }, 'node reports an error');
        if (frame.data.message_id != null) this.#ingest.add({ type: 'unknown', id: frame.data.message_id, bytes });
    }
  }

  #send(frame: HiveFrame): void {
    if (!this.#guard.send(frame) || frame.type !== 'sync_ack') return;
    this.#deps.events.acknowledged(this, frame.data.attempt_id, BigInt(frame.data.revision));
  }

  /** Tells the node that nothing of an attempt is taken from it. This is no fault of the frame. */
  #refuse(refusal: FrameData<HiveFrame, 'sync_refused'>): void {
    const { attempt_id, execution_id, code } = refusal;
    this.#deps.logger.info({ nodeId: this.session.nodeId, attempt_id, execution_id, code }, 'attempt refused');
    if (this.session.knownMarkers)
      this.#guard.send({ type: 'sync_refused', data: { ...refusal, code: this.#codeFor(code) } });
    else this.#guard.send({ type: 'error', data: { message_id: execution_id ?? attempt_id, error: REFUSALS[code] } });
  }

  /** A node that does not know what was deleted sets it aside for a reason that it knows, and so announces it no more. */
  #codeFor(code: SyncRefusalCode): SyncRefusalCode {
    const isKnown = code !== 'deleted' || this.session.knownFrames?.includes(FORGET_ATTEMPT);
    return isKnown ? code : 'belongs_to_another_node';
  }

  #fault(message: string, messageId?: string): void {
    this.#deps.logger.warn({ nodeId: this.session.nodeId, fault: message }, 'faulty frame');
    frameFaults.inc();
    this.#guard.send({ type: 'error', data: { error: message, ...(messageId && { message_id: messageId }) } });
    const now = performance.now();
    this.#faults = [...this.#faults.filter((time) => now - time < 60_000), now];
    if (this.#faults.length >= MAX_FAULTS_PER_MINUTE) this.close('too many faulty frames');
  }

  async #end(): Promise<void> {
    this.#isClosed = true;
    this.#requests.disconnect();
    await Promise.all([this.#ingest.stop(), ...this.#readers]);
    this.#deps.events.closed(this);
  }
}
