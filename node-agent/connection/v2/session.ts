/** One authenticated connection: dispatches what the hive sends, and sends what is new in the store. */
import { availableParallelism } from 'node:os';
import type { WebSocket } from 'ws';
import { hiveFrame, type FrameData, type HiveFrame } from '../../../protocol/frames.js';
import { HEARTBEAT_INTERVAL_SECONDS, MAX_PAGE_GZIP_BYTES, SILENCE_TIMEOUT_MS } from '../../../protocol/limits.js';
import { decodeTextFrame, FrameError } from '../../../protocol/text-frame.js';
import { codeOf, messageOf } from '../../errors.js';
import { forgetIncompleteAcks, meetHive } from '../../store/acknowledgements.js';
import { addMarker, compareHistory } from '../../store/markers.js';
import { findExecution, runningExecutions } from '../../store/executions.js';
import { Announcer } from './announcer.js';
import { Answers } from './answers.js';
import { describeAttempt } from './describe.js';
import { Forgetting } from './forgetting.js';
import { LivePages } from './live.js';
import { endOrphansOrLog } from '../end-orphans.js';
import type { ConnectionOptions, RunningSession } from '../open-socket.js';
import { Outbox } from '../outbox.js';
import { Readings } from './read-logs.js';

/**
 * How often the store is asked whether another process has committed. This adds to a line's delay, on top of the
 * recorder's 100 ms.
 */
const POLL_MS = 50;
const TICK_MS = 1000;
const ORPHANS_MS = 5000;

export interface SessionOptions extends Pick<ConnectionOptions, 'store' | 'logger' | 'timing'> {
  socket: WebSocket;
  auth: FrameData<HiveFrame, 'auth_result'>;
}

export class Session implements RunningSession {
  readonly #options: SessionOptions;
  closeReason: string | undefined;
  readonly #outbox: Outbox;
  readonly #answers = new Answers();
  readonly #announcer: Announcer;
  readonly #live: LivePages;
  readonly #readings: Readings;
  readonly #forgetting: Forgetting;
  readonly #timers: NodeJS.Timeout[] = [];
  #dataVersion = 0;
  /** Whether the acknowledgements have been compared with what this hive has. */
  #hasMet = false;
  #heardAt = performance.now();

  constructor(options: SessionOptions) {
    this.#options = options;
    const { socket, store, logger, auth, timing = {} } = options;
    const maxPageBytes = auth.max_page_bytes ?? MAX_PAGE_GZIP_BYTES;
    const common = { store, logger, outbox: new Outbox(socket), answers: this.#answers };
    const resend = timing.resendMs === undefined ? {} : { resendMs: timing.resendMs };
    this.#outbox = common.outbox;
    this.#announcer = new Announcer({ ...common, ...resend, defersEnd: (row) => this.#live.defersEnd(row) });
    this.#live = new LivePages({
      ...common,
      ...resend,
      maxPageBytes,
      announce: () => this.#announcer.pump(),
      announceAgain: (attemptId) => this.#announcer.announceAgain(attemptId),
    });
    this.#readings = new Readings({
      ...common,
      maxPageBytes,
      readStarted: (id) => this.#live.readStarted(id),
      readEnded: (id, readThrough) => this.#live.readEnded(id, readThrough),
    });
    this.#forgetting = new Forgetting({
      ...common,
      forgotten: (attemptId) => {
        this.#announcer.forget(attemptId);
        this.#live.refresh();
      },
    });
  }

  start(): void {
    const { socket, store, auth, logger } = this.#options;
    socket.once('close', () => this.#stop());
    this.#guard(() => this.#meet());
    this.#every(POLL_MS, () => this.#poll());
    this.#every(TICK_MS, () => this.#tick());
    this.#every(ORPHANS_MS, () => {
      if (endOrphansOrLog(store, logger).length > 0) this.#changed();
    });
    this.#every((auth.heartbeat_interval_seconds ?? HEARTBEAT_INTERVAL_SECONDS) * 1000, () => this.#heartbeat());
    this.#guard(() => {
      this.#heartbeat();
      this.#changed();
    });
  }

  /** Forgets what this hive does not have. If the store fails, the next tick tries again. */
  #meet(): void {
    const { store, auth, logger } = this.#options;
    if (this.#hasMet) return;
    if (auth.node_id && meetHive(store, auth.node_id)) {
      logger.warn({ node_id: auth.node_id }, 'this hive knows the node under another id; announcing everything again');
    }
    if (auth.known_markers) this.#compareHistory(auth.known_markers);
    forgetIncompleteAcks(store);
    this.#hasMet = true;
    endOrphansOrLog(store, logger);
  }

  /** Handles a message of the hive. One that breaks the protocol is logged and ignored. */
  receive(data: Buffer, isBinary: boolean): void {
    try {
      if (isBinary) throw new FrameError('it is binary');
      this.#dispatch(decodeTextFrame(hiveFrame, data));
    } catch (error) {
      if (error instanceof FrameError) this.#options.logger.warn(`ignored a frame from the hive: ${error.message}`);
      else
        this.#options.logger.error(
          { code: codeOf(error) },
          `a frame from the hive could not be handled: ${messageOf(error)}`,
        );
    }
  }

  #dispatch({ type, data }: HiveFrame): void {
    switch (type) {
      case 'heartbeat_ack':
        this.#heardAt = performance.now();
        return;
      case 'sync_ack':
        return this.#announcer.attemptAcknowledged(data);
      case 'sync_refused':
        if (data.execution_id != null) this.#answers.take(data.execution_id);
        this.#announcer.attemptRefused(data);
        this.#live.refresh();
        return;
      case 'marker':
        // before the comparison, it would cover what the hive may have lost
        if (this.#hasMet) addMarker(this.#options.store, data.id);
        return;
      case 'log_ack':
        return this.#logAck(data);
      case 'log_refused':
        return this.#logRefused(data);
      case 'describe_attempt':
        return this.#describe(data);
      case 'forget_attempt':
        return this.#forgetting.add(data);
      case 'read_logs':
        return this.#readings.start(data);
      case 'grant':
        return this.#readings.grant(data);
      case 'cancel':
        return this.#readings.cancel(data);
      case 'close':
        this.closeReason = data.reason;
        this.#options.logger.info({ reason: data.reason }, 'the hive closes the connection');
        return;
      case 'error':
        return this.#error(data);
      case 'auth_result':
        throw new FrameError('it is a second auth_result');
    }
  }

  #compareHistory(known: readonly string[]): void {
    const { attempts, lost } = compareHistory(this.#options.store, known);
    if (lost > 0) {
      this.#options.logger.warn(
        { attempts, lost },
        'the hive no longer knows what it has acknowledged: its database went back to an earlier state, or this node was away for over 30 days; announcing it again',
      );
    } else if (attempts > 0) {
      this.#options.logger.info({ attempts }, 'announcing again what the hive may have lost');
    }
  }

  #logAck(data: FrameData<HiveFrame, 'log_ack'>): void {
    const answered = this.#answers.take(data.execution_id);
    if (answered.kind === 'page') {
      this.#live.pageAcknowledged(data);
      return;
    }
    this.#announcer.executionAcknowledged(data, answered.revision);
    this.#live.announced();
  }

  #logRefused(data: FrameData<HiveFrame, 'log_refused'>): void {
    const answered = this.#answers.take(data.execution_id);
    if (answered.kind === 'page') this.#live.pageRefused(data, answered.index);
    else this.#executionRefused(data.execution_id, data.code === 'unknown_execution');
  }

  /** If it names an execution, it is the answer to a frame about that execution. */
  #error({ message_id, error }: FrameData<HiveFrame, 'error'>): void {
    this.#options.logger.warn({ message_id, error }, 'the hive reports an error');
    if (message_id == null || !this.#answers.awaits(message_id)) return;
    if (this.#answers.take(message_id).kind === 'page') this.#live.pageFaulty(message_id);
    else this.#executionRefused(message_id, true);
  }

  #executionRefused(executionId: string, unknown: boolean): void {
    const attemptId = findExecution(this.#options.store, executionId)?.attempt_id;
    this.#announcer.executionRefused(executionId, attemptId, unknown);
  }

  #describe(data: FrameData<HiveFrame, 'describe_attempt'>): void {
    try {
      this.#outbox.sendNow(describeAttempt(this.#options.store, data));
    } catch (error) {
      const message = `the node cannot read this attempt (${codeOf(error)})`;
      this.#outbox.sendNow({
        type: 'request_failed',
        data: { request_id: data.request_id, code: 'internal', message },
      });
      throw error;
    }
  }

  #poll(): void {
    const version = this.#options.store.dataVersion();
    if (version === this.#dataVersion) return;
    this.#dataVersion = version;
    this.#changed();
  }

  #changed(): void {
    if (!this.#hasMet) return; // what the store says of the hive may belong to an earlier state of it
    this.#live.refresh();
    this.#announcer.pump();
  }

  #tick(): void {
    const silence = performance.now() - this.#heardAt;
    if (silence >= (this.#options.timing?.silenceMs ?? SILENCE_TIMEOUT_MS)) {
      this.#options.logger.warn(
        { silence_ms: Math.round(silence) },
        'no heartbeat_ack from the hive; closing the connection',
      );
      this.#options.socket.terminate();
      return;
    }
    if (!this.#hasMet) {
      this.#meet();
      this.#changed();
    }
    this.#announcer.tick();
    this.#live.tick();
  }

  #heartbeat(): void {
    const active = runningExecutions(this.#options.store).length;
    const capacity = Math.max(0, availableParallelism() - active);
    const timestamp = new Date().toISOString();
    const data = { status: 'online', active_tasks: active, available_capacity: capacity, timestamp } as const;
    this.#outbox.sendNow({ type: 'heartbeat', data });
  }

  #every(ms: number, work: () => void): void {
    this.#timers.push(setInterval(() => this.#guard(work), ms));
  }

  /** A store that can't be read or written for a while must not end the connection: the next call tries again. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#options.logger.error({ code: codeOf(error) }, `the store could not be used: ${messageOf(error)}`);
    }
  }

  #stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#announcer.stop();
    this.#readings.cancelAll();
    this.#guard(() => this.#live.saveAcknowledgements());
  }
}
