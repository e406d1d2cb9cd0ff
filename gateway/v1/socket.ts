/**
 * The socket of a node that speaks protocol version 1: reads its frames and passes each on to the part that handles it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { RawData, WebSocket } from 'ws';
import type { Database } from '../../prisma/database.js';
import { noteLostConnection } from '../../prisma/queries/v1/note-lost-connection.js';
import { toTimestamp } from '../../protocol/time.js';
import {
  authResultV1,
  knownFrameV1,
  refusedFrameV1,
  type HiveAnswerV1,
  type KnownFrameV1,
  type NodeFrameV1,
} from '../../protocol/v1/frames.js';
import { ingestEventsFor } from '../ingest-events.js';
import { NodeRequestError, type BackfillAnswer, type BatchConnection } from '../interface.js';
import type { MessageTap } from '../message-tap.js';
import { frameFaults, framesNotServed } from '../metrics.js';
import { LINKS_CHANGED, type LoginSession, type SocketEvents } from '../node-socket.js';
import { SocketGuard } from '../socket-guard.js';
import { countValues } from './count-values.js';
import { IngestV1 } from './ingest.js';
import { LargeMessageReaderV1, type LargeMessageLimits } from './large-message-reader.js';
import { LARGE_MESSAGE_BYTES, type LargeMessages, type Release } from './large-messages.js';
import type { OpAcks } from './op-acks.js';
import { ProjectsV1 } from './projects.js';
import { RequestsV1 } from './requests.js';
import { RunningWatch, type WatchBounds } from './running-watch.js';
import type { SweepPace } from './sweep-pace.js';
import { reportWaiting } from './waiting-report.js';
import type { WantedLooks } from './wanted-looks.js';

/** The node does not say when it has announced everything. It is taken to have done so this long after metadata... */
const QUIET_MS = 500;
/** ...or, at the latest, this long after the login. */
const ANNOUNCED_MS = 2000;
/** Parsing a message of 64 MiB with nothing but `{}` in it would block the process for ten seconds, and take 1.5 GB. */
const MAX_VALUES = 1_000_000;
/** The longest that a step waits for a log's end; the backfill then asks again. */
const WRITTEN_WAIT_MS = 4000;

export interface SocketV1Deps {
  database: Database;
  logger: Logger;
  events: SocketEvents;
  largeMessages: LargeMessages;
  wantedLooks: WantedLooks;
  sweepPace: SweepPace;
  /** When nodes are asked what has ended. @default WATCH_BOUNDS */
  watchBounds?: Partial<WatchBounds>;
  messageLimits: LargeMessageLimits;
  opAcks: OpAcks;
}

export class SocketV1 implements BatchConnection {
  readonly protocol = 1;
  readonly #deps: SocketV1Deps;
  readonly #guard: SocketGuard;
  readonly #requests: RequestsV1;
  readonly #projects: ProjectsV1;
  readonly #ingest: IngestV1;
  readonly #watch: RunningWatch;
  readonly #report: { stop(): void };
  /** Timers that run until the node is taken to have announced everything. */
  #announcing: { quiet: NodeJS.Timeout | undefined; limit: NodeJS.Timeout } | undefined;
  readonly #large: LargeMessageReaderV1;
  /** The status in the node's last heartbeat. */
  #status = 'online';
  /** The node's clock minus `performance.now()`, as of its last heartbeat. */
  #clockOffset: number | undefined;
  #lastProgress = 0;

  constructor(
    ws: WebSocket,
    tap: MessageTap,
    readonly session: LoginSession,
    deps: SocketV1Deps,
  ) {
    this.#deps = deps;
    const { database, logger } = deps;
    // The original hive ends the TCP connection, and a node waits longer each time that happens. After a WebSocket
    // close it waits only 5 s, so it gets one if the hive will be back soon, or waits for its login.
    this.#guard = new SocketGuard(ws, {
      nodeId: session.nodeId,
      logger,
      end: (reason) => {
        if (reason === 'hive is shutting down' || reason === LINKS_CHANGED) ws.close(1001, reason);
        else tap.tcp.end();
      },
      // only heartbeats are signs of life, and large messages, because no heartbeat can come while one is arriving
      arrived: () => (this.#large.isFragmented ? tap.tcp.bytesRead : this.#large.arrived),
      renew: () => deps.events.heartbeat(this, this.#status),
    });
    this.#large = this.#readLarge(() => tap.tcp.bytesRead);
    const send = (frame: HiveAnswerV1) => this.#guard.send(frame);
    const nodeTime = () => (this.#clockOffset === undefined ? undefined : performance.now() + this.#clockOffset);
    this.#requests = new RequestsV1({
      database,
      session,
      logger,
      send,
      open: (window) => this.#ingest.add({ type: 'window', data: window, bytes: 0 }),
      nodeTime,
      lastProgress: () => Math.max(this.#lastProgress, this.#ingest.lastStored),
    });
    this.#projects = new ProjectsV1({ database, session, logger: logger.child({ nodeId: session.nodeId }) });
    this.#ingest = new IngestV1({
      database,
      session,
      logger: logger.child({ nodeId: session.nodeId }),
      requests: this.#requests,
      projects: this.#projects,
      send,
      events: ingestEventsFor(this, this.#guard, deps),
      nodeTime,
      linesCame: (attemptId) => this.#watch.linesCame(attemptId),
    });
    this.#watch = new RunningWatch({
      database,
      nodeId: session.nodeId,
      logger,
      ask: (attemptIds, signal) => this.#requests.ask(attemptIds, signal),
      sweepPace: deps.sweepPace,
      ...(deps.watchBounds && { bounds: deps.watchBounds }),
    });
    this.#report = reportWaiting(logger, session.nodeId, () => this.#requests.waiting);
    this.#announcing = { quiet: undefined, limit: setTimeout(() => this.#announce(), ANNOUNCED_MS) };
    ws.on('message', (data, isBinary) => this.#receive(data, isBinary));
    ws.on('close', () => void this.#end());
    tap.divert(this.#large, LARGE_MESSAGE_BYTES);
  }

  /**
   * Notes what may have been lost with the node's last connection, and loads what earlier ones leave: the answers that
   * the node still owes, since they may come right after the login, and its links.
   */
  async welcome(): Promise<void> {
    await noteLostConnection(this.#deps.database, this.session);
    await this.#requests.load();
    const linked_projects = await this.#projects.load();
    const { nodeId, organizationId } = this.session;
    if (!this.#guard.send(authResultV1({ node_id: nodeId, organization_id: organizationId, linked_projects }))) return;
    this.#watch.start();
    this.#deps.wantedLooks.add(nodeId, this.#watch);
  }

  async backfill(attemptId: string, type: 'full_attempt' | 'executions', signal: AbortSignal): Promise<BackfillAnswer> {
    if (type === 'full_attempt') await this.#untilLogIsWritten(attemptId, signal);
    return this.#requests.backfill(attemptId, type, signal);
  }

  close(reason: string): void {
    this.#guard.close(reason);
  }

  /** @throws NodeRequestError; `busy` if the log may not be whole even after {@link WRITTEN_WAIT_MS} */
  async #untilLogIsWritten(attemptId: string, signal: AbortSignal): Promise<void> {
    const left = this.#ingest.logIsWrittenIn(attemptId);
    if (left <= 0) return;
    // a timer may fire a little early
    await sleep(Math.min(left + 20, WRITTEN_WAIT_MS), undefined, { signal }).catch(() => {
      throw new NodeRequestError('cancelled', 'the request was cancelled');
    });
    if (this.#ingest.logIsWrittenIn(attemptId) > 0) {
      throw new NodeRequestError('busy', 'an execution has just ended, and the node may still be writing its log');
    }
  }

  #readLarge(received: () => number): LargeMessageReaderV1 {
    const { logger, largeMessages, messageLimits } = this.#deps;
    const { nodeId, organizationId } = this.session;
    return new LargeMessageReaderV1({
      organizationId,
      guard: this.#guard,
      places: largeMessages,
      limits: messageLimits,
      received,
      batch: (batch) => this.#ingest.add({ type: 'arriving_batch', data: batch, bytes: 0 }),
      whole: (message, release) => this.#receiveText(message, release),
      tooLarge: (head, bytes) => {
        const { execution_process_id: executionId, assignment_id: attemptId } = head;
        const data = { executionId, attemptId, bytes, maxBytes: messageLimits.messageBytes };
        this.#ingest.add({ type: 'too_large', data, bytes: 0 });
      },
      fault: (reason, bytes) => {
        frameFaults.inc();
        logger.warn({ nodeId, reason, bytes }, 'large message of a version 1 node ignored');
      },
      progress: () => (this.#lastProgress = performance.now()),
    });
  }

  #receive(raw: RawData, isBinary: boolean): void {
    const release = this.#large.takeFragmented();
    if (!isBinary) {
      this.#receiveText(raw as Buffer, release);
      return;
    }
    release?.();
    if (!this.#guard.isClosing) frameFaults.inc();
  }

  #receiveText(data: Buffer, release?: Release): void {
    if (this.#guard.isClosing) {
      release?.();
      return;
    }
    const json = parseFrame(data);
    const { data: frame } = knownFrameV1.safeParse(json);
    if (!frame) {
      release?.();
      frameFaults.inc(); // ignored without an answer, as the original hive does
      const refused = refusedFrameV1.safeParse(json);
      if (refused.success) this.#ingest.add({ ...refused.data, bytes: 0 });
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
      case 'task_sync': {
        const refusal = this.#projects.refuse(frame.data);
        if (refusal) {
          this.#guard.send(refusal);
          break;
        }
        this.#ingest.add({ ...frame, ...cost });
        return;
      }
      case 'projects_sync':
      case 'link_project':
      case 'unlink_project':
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
    this.#status = status === 'busy' || status === 'draining' ? status : 'online';
    this.#deps.events.heartbeat(this, this.#status);
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
    this.#large.close();
    this.#deps.wantedLooks.remove(this.session.nodeId, this.#watch);
    this.#watch.stop();
    this.#report.stop();
    await this.#ingest.finish();
    this.#requests.disconnect();
    this.#deps.events.closed(this);
  }
}

/** @returns undefined if the data is not JSON, or has more values than any frame */
function parseFrame(data: Buffer): unknown {
  if (data.length > LARGE_MESSAGE_BYTES && countValues(data) > MAX_VALUES) return undefined;
  try {
    return JSON.parse(data.toString('utf8'));
  } catch {
    return undefined;
  }
}
