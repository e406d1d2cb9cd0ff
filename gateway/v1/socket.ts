/** One authenticated version 1 node's socket: reads its frames and passes them to where they belong. */
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { RawData, WebSocket } from 'ws';
import { SILENCE_TIMEOUT_MS } from '../../protocol/limits.js';
import { encodeTextFrame } from '../../protocol/text-frame.js';
import { nodeFrameV1, type HiveAnswerV1, type NodeFrameV1 } from '../../protocol/v1/frames.js';
import type { Database } from '../../prisma/database.js';
import type { NodeSession } from '../../prisma/session.js';
import { frameFaults } from '../metrics.js';
import type { SocketEvents } from '../node-socket.js';
import type { BackfillAnswer, BatchConnection } from '../interface.js';
import { BackfillRequests } from './requests.js';
import { IntakeV1 } from './ingest.js';
import { LARGE_MESSAGE_BYTES, type LargeMessages } from './large-messages.js';

/** A node that does not read what it is sent is cut off at so many unsent bytes. */
const MAX_UNSENT_BYTES = 16 * 1024 * 1024;
/** The node does not say when it has said what it has: a quiet time after metadata, or so long after the login. */
const QUIET_MS = 500;
const ANNOUNCED_MS = 2000;
const CLOSE_MS = 2000;

export interface V1SocketDeps {
  database: Database;
  logger: Logger;
  events: SocketEvents;
  largeMessages: LargeMessages;
}

export class V1Socket implements BatchConnection {
  readonly #ws: WebSocket;
  readonly #tcp: Socket;
  readonly #deps: V1SocketDeps;
  readonly protocol = 1;
  readonly #requests: BackfillRequests;
  readonly #intake: IntakeV1;
  readonly #silence: NodeJS.Timeout;
  readonly #pauses = new Set<'pressure' | 'large_message'>();
  /** Runs until the node counts as having announced what it has. */
  #announcing: { quiet: NodeJS.Timeout | undefined; limit: NodeJS.Timeout } | undefined;
  #unfinishedBytes = 0;
  #largeMessage: 'none' | 'waiting' | 'admitted' = 'none';
  #clockOffset: number | undefined;
  #lastSign = 0;
  #isClosing = false;

  constructor(
    ws: WebSocket,
    tcp: Socket,
    readonly session: NodeSession & { sessionId: string; apiKeyId: string },
    deps: V1SocketDeps,
  ) {
    this.#ws = ws;
    this.#tcp = tcp;
    this.#deps = deps;
    const { database, logger } = deps;
    const send = (frame: HiveAnswerV1) => this.send(frame);
    this.#requests = new BackfillRequests({
      database,
      session,
      logger,
      send,
      open: (window) => this.#intake.add({ type: 'window', data: window, bytes: 0 }),
      nodeTime: () => (this.#clockOffset === undefined ? undefined : Date.now() + this.#clockOffset),
      lastSign: () => Math.max(this.#lastSign, this.#intake.lastStored),
    });
    this.#intake = new IntakeV1({
      database,
      session,
      logger: logger.child({ nodeId: session.nodeId }),
      requests: this.#requests,
      send,
      pressure: (high) => (high ? this.#pause('pressure') : this.#resume('pressure')),
      backfillNeeded: (reason) => deps.events.backfillNeeded(this, reason),
      superseded: () => this.close('superseded by a newer connection of this node'),
      failed: (error) => {
        logger.error({ err: error, nodeId: session.nodeId }, 'what the node sent could not be stored');
        this.close('internal error');
      },
    });
    this.#silence = setTimeout(() => this.#endSilence(), SILENCE_TIMEOUT_MS);
    this.#announcing = { quiet: undefined, limit: setTimeout(() => this.#announce(), ANNOUNCED_MS) };
    ws.on('message', (data, isBinary) => this.#receive(data, isBinary));
    ws.on('close', () => void this.#end());
    tcp.on('data', (chunk: Buffer) => this.#countUnfinished(chunk.length));
  }

  /** Learns what the node owes from earlier connections; to be awaited before the node is answered. */
  load(): Promise<void> {
    return this.#requests.load();
  }

  backfill(attemptId: string, type: 'full_attempt' | 'executions', signal: AbortSignal): Promise<BackfillAnswer> {
    return this.#requests.backfill(attemptId, type, signal);
  }

  /** @returns whether it was sent: not where the socket closes */
  send(frame: HiveAnswerV1): boolean {
    if (this.#ws.readyState !== this.#ws.OPEN || this.#isClosing) return false;
    if (this.#ws.bufferedAmount > MAX_UNSENT_BYTES) {
      this.#deps.logger.warn({ nodeId: this.session.nodeId }, 'node does not read what it is sent; closing its socket');
      this.#ws.terminate();
      return false;
    }
    this.#ws.send(encodeTextFrame(frame));
    return true;
  }

  /**
   * Tells the node why, and closes the TCP connection, as the original hive does. A node waits longer each time that
   * happens, and 5 s after a WebSocket close; so it gets one when the hive will be back soon.
   */
  close(reason: string): void {
    if (this.#ws.readyState !== this.#ws.OPEN || this.#isClosing) return;
    this.#deps.logger.info({ nodeId: this.session.nodeId, reason }, 'closing node socket');
    this.send({ type: 'close', data: { reason } });
    this.#isClosing = true;
    if (reason === 'hive is shutting down') this.#ws.close(1001, reason);
    else this.#tcp.end();
    setTimeout(() => this.#ws.terminate(), CLOSE_MS).unref();
  }

  #receive(raw: RawData, isBinary: boolean): void {
    this.#unfinishedBytes = 0;
    const release = this.#takeLargeMessage();
    const data = raw as Buffer;
    const frame = isBinary || this.#isClosing ? undefined : readFrame(data);
    if (!frame) {
      release?.();
      if (!this.#isClosing) frameFaults.inc(); // ignored without an answer, as the original does
      return;
    }
    this.#receiveFrame(frame, { bytes: data.length, ...(release && { release }) });
  }

  #receiveFrame(frame: NodeFrameV1, cost: { bytes: number; release?: () => void }): void {
    switch (frame.type) {
      case 'heartbeat':
        this.#beat(frame.data);
        break;
      case 'op_batch':
        if (frame.data.ops.length > 0) {
          const applied = Math.max(...frame.data.ops.map((op) => op.seq));
          this.send({ type: 'op_ack', data: { applied_through_seq: applied } });
        }
        break;
      case 'digest':
        this.send({ type: 'digest_result', data: { resend_from_seq: null, pull_entities: [] } });
        break;
      case 'task_sync':
        this.#intake.add({ ...frame, ...cost });
        return;
      case 'attempt_sync':
        this.#postponeAnnouncement();
        this.#intake.add({ ...frame, ...cost });
        return;
      case 'execution_sync':
        this.#postponeAnnouncement();
        this.#lastSign = Date.now();
        this.#intake.add({ ...frame, ...cost });
        return;
      case 'logs_batch':
      case 'backfill_response':
        this.#lastSign = Date.now();
        this.#intake.add({ ...frame, ...cost });
        return;
    }
    cost.release?.();
  }

  #beat({ status, timestamp }: Extract<NodeFrameV1, { type: 'heartbeat' }>['data']): void {
    this.#silence.refresh();
    this.#clockOffset = Date.parse(timestamp) - Date.now();
    this.send({ type: 'heartbeat_ack', data: { server_time: new Date().toISOString() } });
    this.#deps.events.heartbeat(this, status === 'busy' || status === 'draining' ? status : 'online');
  }

  /** What has arrived of a message that is not whole; a large one has to be admitted. */
  #countUnfinished(bytes: number): void {
    this.#unfinishedBytes += bytes;
    if (this.#unfinishedBytes <= LARGE_MESSAGE_BYTES) return;
    this.#lastSign = Date.now();
    this.#silence.refresh(); // no heartbeat can come before the message is whole
    if (this.#largeMessage !== 'none') return;
    this.#largeMessage = 'waiting';
    this.#deps.largeMessages.take(() => {
      if (this.#ws.readyState === this.#ws.CLOSED) {
        this.#deps.largeMessages.release();
        return;
      }
      this.#largeMessage = 'admitted';
      this.#resume('large_message');
    });
    if (!this.#isAdmitted()) this.#pause('large_message');
  }

  /** `take` may admit at once. */
  #isAdmitted(): boolean {
    return this.#largeMessage === 'admitted';
  }

  /** The message is whole: what holds its place in memory goes along with it. */
  #takeLargeMessage(): (() => void) | undefined {
    if (this.#largeMessage !== 'admitted') return undefined;
    this.#largeMessage = 'none';
    return () => this.#deps.largeMessages.release();
  }

  #pause(reason: 'pressure' | 'large_message'): void {
    this.#pauses.add(reason);
    this.#ws.pause();
  }

  #resume(reason: 'pressure' | 'large_message'): void {
    if (!this.#pauses.delete(reason) || this.#pauses.size > 0) return;
    this.#ws.resume();
    this.#silence.refresh();
  }

  /** A node whose frames are not read now is not silent. */
  #endSilence(): void {
    if (this.#pauses.size > 0) this.#silence.refresh();
    else this.close('heartbeat timeout');
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
    if (!this.#isClosing) this.#intake.add({ type: 'announced', bytes: 0 });
  }

  async #end(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#silence);
    clearTimeout(this.#announcing?.quiet);
    clearTimeout(this.#announcing?.limit);
    this.#announcing = undefined;
    this.#takeLargeMessage()?.();
    await this.#intake.finish();
    this.#requests.disconnect();
    this.#deps.events.closed(this);
  }
}

/** Undefined: not a frame of a known type and shape. */
function readFrame(data: Buffer): NodeFrameV1 | undefined {
  try {
    const result = nodeFrameV1.safeParse(JSON.parse(data.toString('utf8')));
    return result.success ? result.data : undefined;
  } catch {
    return undefined;
  }
}
