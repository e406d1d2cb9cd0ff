/** One authenticated connection to a version 1 hive: pushes what changes, answers what it asks for. */
import type { WebSocket } from 'ws';
import { encodeTextFrame } from '../../../protocol/text-frame.js';
import { hiveFrameV1, MAX_LIVE_BATCH_ENTRIES, type BackfillRequestV1 } from '../../../protocol/v1/frames.js';
import type { RunningSession } from '../open-socket.js';
import { endOrphansOrLog } from '../end-orphans.js';
import { Outbox, SocketClosedError } from '../outbox.js';
import { codeOf, messageOf } from '../../errors.js';
import type { Logger } from '../../log.js';
import { findAttempt, listAttempts } from '../../store/attempts.js';
import { executionsAfter, getExecution, runningExecutions } from '../../store/executions.js';
import { readLines } from '../../store/read-lines.js';
import type { Store } from '../../store/open.js';
import { answerBackfill, type Delivery } from './backfill.js';
import { attemptSyncV1, executionSyncV1, isShared, logsBatches, type SharedAttempt } from './metadata.js';
import { ProjectLinks } from './project-links.js';
import type { TaskProjects } from './task-projects.js';

const HEARTBEAT_MS = 30_000;
/** How often the store is checked for changes; the original does it every 30 s. */
const PUSH_MS = 1000;
const LIVE_BATCH = { lines: MAX_LIVE_BATCH_ENTRIES, rawBytes: 4 * 1024 * 1024 };

/** Lines pushed, by execution key. Outlives a connection, because a version 1 hive can't recognise a repeated line. */
export type PushedLines = Map<number, number>;

export interface SessionV1Options {
  socket: WebSocket;
  store: Store;
  logger: Logger;
  pushedLines: PushedLines;
  tasks: TaskProjects;
  /** The hive's projects that the login said are linked. */
  linkedProjects: readonly string[];
}

export class SessionV1 implements RunningSession {
  readonly #options: SessionV1Options;
  closeReason: string | undefined;
  readonly #outbox: Outbox;
  readonly #links: ProjectLinks;
  /** Keys of attempts whose lines an original hive keeps, because their project is linked. */
  readonly #kept = new Set<number>();
  /** By execution key: lines 1 to this one have been sent on this connection, and kept. */
  readonly #delivered = new Map<number, number>();
  readonly #pushedRevisions = new Map<string, number>();
  readonly #timers: NodeJS.Timeout[] = [];
  #work: Promise<void> = Promise.resolve();
  #isPushing = false;
  #dataVersion: number | undefined;

  constructor(options: SessionV1Options) {
    this.#options = options;
    this.#outbox = new Outbox(options.socket);
    const { tasks, linkedProjects: linked } = options;
    this.#links = new ProjectLinks({ tasks, linked, send: (type, data) => this.#send(type, data) });
  }

  start(): void {
    this.#options.socket.once('close', () => this.#timers.forEach((timer) => clearInterval(timer)));
    this.#heartbeat();
    this.#timers.push(
      setInterval(() => this.#heartbeat(), HEARTBEAT_MS),
      setInterval(() => this.#push(), PUSH_MS),
    );
    this.#push();
  }

  /** Handles a message of the hive. A frame of an unknown type is ignored. */
  receive(data: Buffer, isBinary: boolean): void {
    if (isBinary) return;
    const frame = readFrame(data);
    if (frame?.type === 'backfill_request') this.#enqueue(() => this.#backfill(frame.data));
    if (frame?.type === 'close') this.closeReason = frame.data.reason;
    if (frame?.type === 'error') this.#options.logger.warn({ error: frame.data.error }, 'the hive reports an error');
  }

  async #backfill(request: BackfillRequestV1): Promise<void> {
    const { store, tasks } = this.#options;
    for (const id of request.entity_ids) {
      const attempt = findAttempt(store, id);
      if (attempt && isShared(attempt)) await this.#link(attempt);
    }
    const answer = tasks.isOriginal ? answerBackfill(store, request, this.#delivery) : answerBackfill(store, request);
    for (const text of answer) await this.#outbox.sendText(text);
  }

  /** An original hive stores a line as often as it comes, and what came before on this connection has arrived. */
  readonly #delivery: Delivery = {
    through: ({ key }) => this.#delivered.get(key) ?? 0,
    sent: ({ key, attempt_key: attemptKey }, through) => {
      if (!this.#kept.has(attemptKey)) return;
      const { pushedLines } = this.#options;
      this.#delivered.set(key, through);
      if (pushedLines.has(key)) pushedLines.set(key, through);
    },
  };

  async #link(attempt: SharedAttempt): Promise<void> {
    if (!(await this.#links.ensure(attempt)) || this.#kept.has(attempt.key)) return;
    this.#kept.add(attempt.key);
    this.#pushedRevisions.delete(attempt.id); // the hive may have dropped what it was told before
  }

  #heartbeat(): void {
    const numbers = { active_tasks: 0, available_capacity: 1, memory_usage: null, cpu_usage: null };
    const data = { status: 'online', ...numbers, timestamp: new Date().toISOString() };
    void this.#outbox.sendText(encodeTextFrame({ type: 'heartbeat', data })).catch(() => undefined); // the socket has closed
  }

  #push(): void {
    if (this.#isPushing) return;
    this.#isPushing = true;
    this.#enqueue(async () => {
      try {
        endOrphansOrLog(this.#options.store, this.#options.logger);
        await this.#pushChanges();
      } finally {
        this.#isPushing = false;
      }
    });
  }

  async #pushChanges(): Promise<void> {
    const { store } = this.#options;
    const version = store.dataVersion();
    if (version === this.#dataVersion) return;
    const running = runningExecutions(store);
    const attempts = listAttempts(store, Number.MAX_SAFE_INTEGER).filter(isShared);
    for (const { key } of running) if (!this.#options.pushedLines.has(key)) this.#options.pushedLines.set(key, 0);
    for (const attempt of attempts) {
      await this.#link(attempt);
      const isChanged = this.#pushedRevisions.get(attempt.id) !== attempt.revision;
      if (isChanged) await this.#send('attempt_sync', attemptSyncV1(attempt));
      for (const execution of [...executionsAfter(store, attempt.key)]) {
        if (isChanged) await this.#send('execution_sync', executionSyncV1(execution));
        await this.#pushLines(attempt, execution.key);
      }
      this.#pushedRevisions.set(attempt.id, attempt.revision);
    }
    this.#dataVersion = version;
  }

  /** Pushes new lines of an execution that this process has seen running. Other executions are left to a backfill. */
  async #pushLines(attempt: SharedAttempt, key: number): Promise<void> {
    const { store, pushedLines } = this.#options;
    for (;;) {
      const pushed = pushedLines.get(key);
      const execution = pushed === undefined ? undefined : getExecution(store, key);
      const page = execution && readLines(store, key, pushed ?? 0, execution.log_lines, LIVE_BATCH);
      if (!execution || !page) return;
      pushedLines.set(key, page.lastSeq);
      for (const text of logsBatches(attempt, execution.id, page.lines)) await this.#outbox.sendText(text);
      if (this.#kept.has(attempt.key) && (this.#delivered.get(key) ?? 0) === pushed)
        this.#delivered.set(key, page.lastSeq);
    }
  }

  #send(type: string, data: unknown): Promise<void> {
    return this.#outbox.sendText(encodeTextFrame({ type, data }));
  }

  /** Runs one task after another, as the original does. */
  #enqueue(work: () => Promise<void>): void {
    this.#work = this.#work.then(work).catch((error: unknown) => {
      if (error instanceof SocketClosedError) return;
      this.#options.logger.error({ code: codeOf(error) }, `the store could not be used: ${messageOf(error)}`);
    });
  }
}

function readFrame(data: Buffer) {
  try {
    return hiveFrameV1.safeParse(JSON.parse(data.toString('utf8'))).data;
  } catch {
    return undefined;
  }
}
