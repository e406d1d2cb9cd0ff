/**
 * An original vk-swarm node as a hive sees it (docs/protocol-v1.md). The test decides what it has and what its agents
 * do; the node does the rest as the real one does: it announces an execution once, when it begins, and never its end;
 * it marks rows as pushed when they enter its queue and resends none; it answers requests one after another.
 *
 * Either the test drives it (`connect`, `pushCycle`, …), or it runs by itself (`run`).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../chaos/random.js';
import { V1Connection } from './scripted-v1-connection.js';
import {
  attemptFrame,
  authData,
  linkFrames,
  cycleFrames,
  executionFrame,
  liveBatch,
  V1_CYCLE_LIMITS,
  type Frame,
} from './scripted-v1-frames.js';
import { V1Queue } from './scripted-v1-queue.js';
import { V1Runner, type RunnerHooks } from './scripted-v1-runner.js';
import { taskData, V1Store, type V1Attempt, type V1Entry, type V1Execution } from './scripted-v1-store.js';

export type { Frame } from './scripted-v1-frames.js';
export type { V1Attempt, V1Entry, V1Execution } from './scripted-v1-store.js';

/** The real node's times. */
export const V1_TIMES = {
  cycleMs: 30_000,
  heartbeatMs: 30_000,
  leaseMs: 30_000,
  reconnectMs: 5000,
  maxReconnectMs: 60_000,
};

export interface RunOptions {
  /** What the node's own times are multiplied with. @default 1 */
  scale?: number;
}

/** What dies with the node's process. */
interface Memory {
  queue: V1Queue;
  runner: V1Runner;
  /** What has been read while the event queue was full. */
  unread: Frame[];
  /** Ids of the requests that have not been answered, oldest first. */
  unanswered: string[];
  isAlive: boolean;
}

export class ScriptedV1Node implements RunnerHooks {
  readonly store = new V1Store();
  readonly received: Frame[] = [];
  /** The number of backfill requests received, and the largest number of them that were unanswered at once. */
  requests = 0;
  mostOutstanding = 0;
  /** The requests for a whole attempt, and not only for which executions there are. */
  fullRequests = 0;
  /**
   * More unanswered requests than this are a fault of the hive, which `next` and `drop` report: four, and one more that
   * a new connection may begin with. (About 64 freeze an original node.)
   */
  maxOutstanding = 5;
  isClosed = false;
  /** Runs before the response to a request for a whole attempt: the hive asks for executions by itself. */
  beforeResponse: (request: Frame['data']) => Promise<void> | void = () => undefined;
  isMute = false;
  rowsPerBatch = Infinity;
  /** Decides before each frame goes out whether the connection is cut instead, so that the frame is lost. */
  cutsBefore: (frame: Frame) => boolean = () => false;
  /** Sees every frame in either direction. */
  observe: (from: 'node' | 'hive', frame: Frame) => void = () => undefined;
  /** The node's clock. */
  clock: () => Date = () => new Date();
  /** Where `run` connects to next; may change while it runs. */
  hiveUrl = '';
  readonly faults: string[] = [];
  readonly #random: Random;
  #memory: Memory;
  #connection: V1Connection | undefined;
  #times = V1_TIMES;
  #running: AbortController | undefined;

  /** @param seed decides in which order a cycle sends the executions' lines */
  constructor(
    readonly apiKey: string,
    readonly machineId = 'cf391d95b363b81c',
    seed = 1,
  ) {
    this.#random = new Random(seed);
    this.#memory = this.#newMemory();
  }

  get attempts(): Map<string, V1Attempt> {
    return this.store.attempts;
  }

  /** The number of requests for executions without their lines, which the hive also sends by itself. */
  get asks(): number {
    return this.requests - this.fullRequests;
  }

  addAttempt(changes: Record<string, unknown> = {}, isShared = true): V1Attempt {
    return this.store.addAttempt(changes, isShared);
  }

  addExecution(attempt: V1Attempt, rows: V1Entry[], changes: Record<string, unknown> = {}): V1Execution {
    return this.store.addExecution(attempt, rows, changes);
  }

  /**
   * Connects once. The queue's frames of earlier connections go out after the login.
   * @param cycleMs 30,000 in the original; 0 means no cycle
   * @returns the data of auth_result
   */
  async connect(hiveUrl: string, cycleMs = 0): Promise<Frame['data']> {
    this.isClosed = false;
    const memory = this.#memory;
    const connection = await V1Connection.open(hiveUrl, {
      next: () => this.#next(memory),
      writes: (frame) => this.#writes(memory, frame),
      receives: (frame) => this.#receives(memory, frame),
      now: () => this.clock(),
    });
    if (memory.isAlive) this.#connection = connection;
    else connection.cut();
    let cycles: NodeJS.Timeout | undefined;
    void connection.ended.then(() => {
      clearInterval(cycles);
      if (this.#connection === connection) this.isClosed = true;
    });
    const auth = authData(this.apiKey, this.machineId);
    this.observe('node', { type: 'auth', data: auth });
    const result = await connection.logIn(auth, this.#times.heartbeatMs);
    if (result['success'] !== true || connection.isEnded) return result;
    this.#memory.queue.push(linkFrames(this.store, result['linked_projects']));
    connection.write();
    if (cycleMs > 0) {
      this.pushCycle();
      cycles = setInterval(() => this.pushCycle(), cycleMs);
    }
    return result;
  }

  /**
   * Runs the node's process until `kill` or `drop`: its cycle, its heartbeats, and its connection, which it opens again
   * and again as the real node does.
   * @returns the data of the first auth_result; undefined if it was killed before
   */
  async run(hiveUrl: string, { scale = 1 }: RunOptions = {}): Promise<Frame['data'] | undefined> {
    this.hiveUrl = hiveUrl;
    const times = Object.entries(V1_TIMES).map(([name, ms]) => [name, ms * scale]);
    this.#times = Object.fromEntries(times) as typeof V1_TIMES;
    this.#running?.abort();
    const { signal } = (this.#running = new AbortController());
    const cycle = () => this.#memory.queue.isPushed && this.pushCycle();
    cycle();
    const timers = [
      setInterval(cycle, this.#times.cycleMs),
      setInterval(() => this.#renewLeases(), this.#times.leaseMs),
    ];
    signal.addEventListener('abort', () => timers.forEach((timer) => clearInterval(timer)));
    return new Promise((resolve) => {
      void this.#stayConnected(signal, resolve).then(() => resolve(undefined));
    });
  }

  heartbeat(): void {
    this.#connection?.heartbeat();
  }

  /** One round of the sync service. */
  pushCycle(): void {
    this.#memory.queue.push(cycleFrames(this.store, this.#random));
  }

  pushAttempt(attempt: V1Attempt): void {
    attempt.isPushed = true;
    this.#memory.queue.push([attemptFrame(attempt)]);
  }

  /** Announces the execution unless that has been done, and pushes rows. @returns the number of rows */
  pushExecution(attempt: V1Attempt, execution: V1Execution, limit = V1_CYCLE_LIMITS.rows): number {
    const { pushed } = execution;
    if (pushed.status === undefined) this.#memory.queue.push([executionFrame(execution)]);
    pushed.status ??= execution.frame.status;
    const rows = execution.rows.slice(pushed.rows, pushed.rows + limit);
    pushed.rows += rows.length;
    if (rows.length > 0) this.sendBatch(attempt, execution, rows);
    return rows.length;
  }

  sendBatch(attempt: V1Attempt, execution: V1Execution, entries: V1Entry[]): void {
    this.#memory.queue.push([liveBatch(attempt, execution, entries)]);
  }

  /** Sends a frame through the queue: now, or on the next connection. */
  send(type: string, data: unknown): void {
    this.#memory.queue.push([{ type, data: data as Frame['data'] }]);
  }

  /** Sends text or bytes unchanged, at once. */
  sendRaw(data: string | Buffer): void {
    this.#connection?.sendRaw(data);
  }

  /** @throws Error if none arrives, or the hive has done something that an original node does not survive */
  async next(type: string, timeoutMs = 60_000): Promise<Frame['data']> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      this.#reportFaults();
      const index = this.received.findIndex((frame) => frame.type === type);
      const frame = index < 0 ? undefined : this.received.splice(index, 1)[0];
      if (frame) return frame.data;
      if (Date.now() > deadline)
        throw new Error(`no ${type} arrived; got ${JSON.stringify(this.received).slice(0, 500)}`);
      await sleep(10);
    }
  }

  /** Resolves when the hive has stored everything that was sent: a task that it refuses is answered in its turn. */
  async settled(): Promise<void> {
    const last = taskData({ status: 'no such status' });
    this.send('task_sync', last);
    for (;;) if ((await this.next('task_sync_response'))['local_task_id'] === last.local_task_id) return;
  }

  /** Ends the TCP connection. A node that runs comes back. */
  cut(): void {
    this.#connection?.cut();
  }

  /** The process dies: its queue and the requests that it had not answered are gone; the store stays. */
  kill(): void {
    this.#memory.isAlive = false;
    this.#memory = this.#newMemory();
    this.#stop();
  }

  /**
   * Ends the connection for good; the queue stays.
   * @throws Error if the hive has done something that an original node does not survive
   */
  drop(): void {
    this.#stop();
    this.#reportFaults();
  }

  #stop(): void {
    this.#running?.abort();
    this.cut();
  }

  #newMemory(): Memory {
    const queue = new V1Queue(() => this.#connection?.write());
    const memory: Memory = {
      queue,
      runner: new V1Runner(this.store, queue, this, () => this.#readOn(memory)),
      unread: [],
      unanswered: [],
      isAlive: true,
    };
    return memory;
  }

  /** Only a WebSocket close resets the delay; a successful login does not. */
  async #stayConnected(signal: AbortSignal, loggedIn: (result: Frame['data']) => void): Promise<void> {
    let delay = this.#times.reconnectMs;
    while (!signal.aborted) {
      const isClean = await this.#connectOnce(loggedIn);
      if (isClean) delay = this.#times.reconnectMs;
      await sleep(delay, undefined, { ref: false, signal }).catch(() => undefined);
      delay = Math.min(delay * 2, this.#times.maxReconnectMs);
    }
  }

  /** @returns whether the hive ended the connection by a WebSocket close */
  async #connectOnce(loggedIn: (result: Frame['data']) => void): Promise<boolean> {
    try {
      const result = await this.connect(this.hiveUrl);
      loggedIn(result);
      const connection = this.#connection;
      if (result['success'] !== true) connection?.cut();
      return (await connection?.ended) ?? false;
    } catch {
      return false; // the hive is away
    }
  }

  #next(memory: Memory): Frame | undefined {
    return memory.unread.length > 0 ? undefined : memory.queue.take();
  }

  #writes(memory: Memory, frame: Frame): boolean {
    if (frame.type === 'backfill_response') {
      const answered = memory.unanswered.indexOf(String(frame.data['request_id']));
      memory.unanswered.splice(0, answered + 1);
    }
    this.observe('node', frame);
    return this.cutsBefore(frame);
  }

  #receives(memory: Memory, frame: Frame): void {
    this.observe('hive', frame);
    if (!memory.isAlive || frame.type === 'auth_result') return;
    if (frame.type === 'backfill_request') this.#countRequest(memory, frame);
    else this.received.push(frame);
    if (memory.unread.length > 0 || !memory.runner.offer(frame)) {
      memory.unread.push(frame);
      this.#connection?.setReading(false);
    }
  }

  #countRequest({ unanswered }: Memory, { data }: Frame): void {
    this.requests++;
    if (data['backfill_type'] === 'full_attempt') this.fullRequests++;
    unanswered.push(String(data['message_id']));
    this.mostOutstanding = Math.max(this.mostOutstanding, unanswered.length);
    if (unanswered.length > this.maxOutstanding)
      this.faults.push(`${unanswered.length} requests were unanswered at once`);
  }

  /** There is room for an event again. */
  #readOn(memory: Memory): void {
    for (let frame = memory.unread[0]; frame && memory.runner.offer(frame); frame = memory.unread[0])
      memory.unread.shift();
    if (memory !== this.#memory || memory.unread.length > 0) return;
    this.#connection?.setReading(true);
    this.#connection?.write();
  }

  #renewLeases(): void {
    const ids = [...this.store.assignments];
    if (ids.length > 0) this.send('lease_heartbeat', { assignment_ids: ids });
  }

  #reportFaults(): void {
    if (this.faults.length > 0) throw new Error(this.faults.splice(0).join('; '));
  }
}

export function v1Rows(count: number, from = 1): V1Entry[] {
  return Array.from({ length: count }, (_, index) => ({
    output_type: (['stdout', 'stderr', 'system'] as const)[index % 3] ?? 'stdout',
    content: `line ${from + index}`,
    timestamp: '2026-02-01T10:20:00.123Z',
  }));
}
