/**
 * The socket of a node that speaks protocol version 1: reads its frames and passes each on to the part that handles it.
 */
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { RawData, WebSocket } from 'ws';
import type { Database } from '../../prisma/database.js';
import { toTimestamp } from '../../protocol/time.js';
import {
  authResultV1,
  knownFrameV1,
  type HiveAnswerV1,
  type KnownFrameV1,
  type NodeFrameV1,
} from '../../protocol/v1/frames.js';
import { ingestEventsFor } from '../ingest-events.js';
import type { BackfillAnswer, BatchConnection } from '../interface.js';
import { frameFaults, framesNotServed } from '../metrics.js';
import type { LoginSession, SocketEvents } from '../node-socket.js';
import { SocketGuard } from '../socket-guard.js';
import { IngestV1 } from './ingest.js';
import { LARGE_MESSAGE_BYTES, type LargeMessages } from './large-messages.js';
import type { OpAcks } from './op-acks.js';
import { RequestsV1 } from './requests.js';

/** The node does not say when it has announced everything. It is taken to have done so this long after metadata... */
const QUIET_MS = 500;
/** ...or, at the latest, this long after the login. */
const ANNOUNCED_MS = 2000;

export interface SocketV1Deps {
  database: Database;
  logger: Logger;
  events: SocketEvents;
  largeMessages: LargeMessages;
  opAcks: OpAcks;
}

export class SocketV1 implements BatchConnection {
  readonly protocol = 1;
  readonly #ws: WebSocket;
  readonly #deps: SocketV1Deps;
  readonly #guard: SocketGuard;
  readonly #requests: RequestsV1;
  readonly #ingest: IngestV1;
  /** Timers that run until the node is taken to have announced everything. */
  #announcing: { quiet: NodeJS.Timeout | undefined; limit: NodeJS.Timeout } | undefined;
  #unfinishedBytes = 0;
  #largeMessage: 'none' | 'waiting' | 'admitted' = 'none';
  /** The node's clock minus `performance.now()`, as of its last heartbeat. */
  #clockOffset: number | undefined;
  #lastProgress = 0;

  constructor(
    ws: WebSocket,
    tcp: Socket,
    readonly session: LoginSession,
    deps: SocketV1Deps,
  ) {
    this.#ws = ws;
    this.#deps = deps;
    const { database, logger } = deps;
    // The original hive ends the TCP connection, and a node waits longer each time that happens. After a WebSocket
    // close it waits only 5 s, so it gets one if the hive will be back soon.
    this.#guard = new SocketGuard(ws, session.nodeId, logger, (reason) => {
      if (reason === 'hive is shutting down') ws.close(1001, reason);
      else tcp.end();
    });
    const send = (frame: HiveAnswerV1) => this.#guard.send(frame);
    this.#requests = new RequestsV1({
      database,
      session,
      logger,
      send,
      open: (window) => this.#ingest.add({ type: 'window', data: window, bytes: 0 }),
      nodeTime: () => (this.#clockOffset === undefined ? undefined : performance.now() + this.#clockOffset),
      lastProgress: () => Math.max(this.#lastProgress, this.#ingest.lastStored),
    });
    this.#ingest = new IngestV1({
      database,
      session,
      logger: logger.child({ nodeId: session.nodeId }),
      requests: this.#requests,
      send,
      events: ingestEventsFor(this, this.#guard, deps),
    });
    this.#announcing = { quiet: undefined, limit: setTimeout(() => this.#announce(), ANNOUNCED_MS) };
    ws.on('message', (data, isBinary) => this.#receive(data, isBinary));
    ws.on('close', () => void this.#end());
    tcp.on('data', (chunk: Buffer) => this.#countUnfinished(chunk.length));
  }

  /** Loads which answers the node still owes from earlier connections, since they may come right after the login. */
  async welcome(): Promise<void> {
    await this.#requests.load();
    const { nodeId, organizationId } = this.session;
    this.#guard.send(authResultV1({ node_id: nodeId, organization_id: organizationId }));
  }

  backfill(attemptId: string, type: 'full_attempt' | 'executions', signal: AbortSignal): Promise<BackfillAnswer> {
    return this.#requests.backfill(attemptId, type, signal);
  }

  close(reason: string): void {
    this.#guard.close(reason);
  }

  #receive(raw: RawData, isBinary: boolean): void {
    this.#unfinishedBytes = 0;
    const release = this.#takeLargeMessage();
    const data = raw as Buffer;
    const frame = isBinary || this.#guard.isClosing ? undefined : readFrame(data);
    if (!frame) {
      release?.();
      if (!this.#guard.isClosing) frameFaults.inc(); // ignored without an answer, as the original hive does
      return;
    }
    this.#receiveFrame(frame, { bytes: data.length, ...(release && { release }) });
  }

  #receiveFrame(frame: KnownFrameV1, cost: { bytes: number; release?: () => void }): void {
    if (!('data' in frame)) {
      framesNotServed.inc({ type: frame.type });
      cost.release?.();
      return;
    }
    switch (frame.type) {
      case 'heartbeat':
        this.#beat(frame.data);
        break;
      case 'op_batch':
        this.#acknowledgeOps(frame.data.ops);
        break;
      case 'digest':
        this.#guard.send({ type: 'digest_result', data: { resend_from_seq: null, pull_entities: [] } });
        break;
      case 'task_sync':
        this.#ingest.add({ ...frame, ...cost });
        return;
      case 'attempt_sync':
        this.#postponeAnnouncement();
        this.#ingest.add({ ...frame, ...cost });
        return;
      case 'execution_sync':
        this.#postponeAnnouncement();
        this.#lastProgress = performance.now();
        this.#ingest.add({ ...frame, ...cost });
        return;
      case 'logs_batch':
      case 'backfill_response':
        this.#lastProgress = performance.now();
        this.#ingest.add({ ...frame, ...cost });
        return;
    }
    cost.release?.();
  }

  #acknowledgeOps(ops: { seq: number }[]): void {
    const through = this.#deps.opAcks.take(this.session.nodeId, ops);
    this.#guard.send({ type: 'op_ack', data: { applied_through_seq: through } });
  }

  #beat({ status, timestamp }: Extract<NodeFrameV1, { type: 'heartbeat' }>['data']): void {
    this.#guard.heard();
    this.#clockOffset = Date.parse(toTimestamp(timestamp)) - performance.now();
    this.#guard.send({ type: 'heartbeat_ack', data: { server_time: new Date().toISOString() } });
    this.#deps.events.heartbeat(this, status === 'busy' || status === 'draining' ? status : 'online');
  }

  /**
   * Counts what has arrived of an incomplete message. If it is a large one, the rest is not read until it is admitted.
   */
  #countUnfinished(bytes: number): void {
    this.#unfinishedBytes += bytes;
    if (this.#unfinishedBytes <= LARGE_MESSAGE_BYTES) return;
    this.#lastProgress = performance.now();
    this.#guard.heard(); // no heartbeat can come before the message is complete
    if (this.#largeMessage !== 'none') return;
    this.#largeMessage = 'waiting';
    this.#deps.largeMessages.take(() => {
      if (this.#ws.readyState === this.#ws.CLOSED) {
        this.#deps.largeMessages.release();
        return;
      }
      this.#largeMessage = 'admitted';
      this.#guard.resume('large_message');
    });
    if (!this.#isAdmitted()) this.#guard.pause('large_message');
  }

  /** A method, because the compiler does not see that `take` may admit the message at once. */
  #isAdmitted(): boolean {
    return this.#largeMessage === 'admitted';
  }

  /** The message is complete. @returns how to give back its place among the large ones; undefined if it has none */
  #takeLargeMessage(): (() => void) | undefined {
    if (this.#largeMessage !== 'admitted') return undefined;
    this.#largeMessage = 'none';
    return () => this.#deps.largeMessages.release();
  }

  #postponeAnnouncement(): void {
    if (!this.#announcing) return;
    clearTimeout(this.#announcing.quiet);
    this.#announcing.quiet = setTimeout(() => this.#announce(), QUIET_MS);
  }

  #announce(): void {
    clearTimeout(this.#announcing?.quiet);
    clearTimeout(this.#announcing?.limit);
    this.#announcing = undefined;
    if (!this.#guard.isClosing) this.#ingest.add({ type: 'announced', bytes: 0 });
  }

  async #end(): Promise<void> {
    clearTimeout(this.#announcing?.quiet);
    clearTimeout(this.#announcing?.limit);
    this.#announcing = undefined;
    this.#takeLargeMessage()?.();
    await this.#ingest.finish();
    this.#requests.disconnect();
    this.#deps.events.closed(this);
  }
}

/** @returns undefined if the data is not a frame of a known type and shape */
function readFrame(data: Buffer): KnownFrameV1 | undefined {
  try {
    const result = knownFrameV1.safeParse(JSON.parse(data.toString('utf8')));
    return result.success ? result.data : undefined;
  } catch {
    return undefined;
  }
}
