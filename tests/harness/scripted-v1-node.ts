/**
 * An original vk-swarm node as a hive sees it: its frames, its cycle, its backfill handler. The test decides what it
 * has. It pushes rows once, sends frames through one queue that outlives a connection, and handles backfill requests
 * one after another.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';

export interface V1Entry {
  output_type: 'stdout' | 'stderr' | 'system';
  content: string;
  timestamp: string;
}

export interface V1Execution {
  frame: Record<string, unknown> & { execution_id: string; attempt_id: string; status: string; dropped: boolean };
  rows: V1Entry[];
  /** What has been pushed live: the status that the frame had, and the number of rows from the start. */
  pushed: { status?: string; rows: number };
}

export interface V1Attempt {
  frame: Record<string, unknown> & { attempt_id: string; shared_task_id: string };
  isShared: boolean;
  executions: V1Execution[];
}

export interface Frame {
  type: string;
  data: Record<string, unknown>;
}

/** The maximum number of rows in one cycle, for all executions together. */
const ROWS_PER_CYCLE = 500;

export class ScriptedV1Node {
  readonly attempts = new Map<string, V1Attempt>();
  readonly tasks: Record<string, unknown>[] = [];
  readonly received: Frame[] = [];
  /** The number of backfill requests received, and the largest number of them that were unanswered at once. */
  requests = 0;
  mostOutstanding = 0;
  /** Frames that wait for a connection, including those of backfills. */
  readonly #queue: string[] = [];
  #work = Promise.resolve();
  #outstanding = 0;
  #ws: WebSocket | undefined;
  #cycle: NodeJS.Timeout | undefined;
  isClosed = false;
  /** Runs before a backfill's response goes into the queue. */
  beforeResponse: (request: Frame['data']) => Promise<void> | void = () => undefined;
  /** Whether backfill requests are left unanswered. */
  isMute = false;
  /** Rows in one batch of a backfill. The original node sends all in one batch, our own node agent fewer. */
  rowsPerBatch = Infinity;

  constructor(
    readonly apiKey: string,
    readonly machineId = 'cf391d95b363b81c',
  ) {}

  addAttempt(changes: Record<string, unknown> = {}, isShared = true): V1Attempt {
    const frame = {
      attempt_id: randomUUID(),
      assignment_id: null,
      shared_task_id: randomUUID(),
      executor: 'CLAUDE_CODE',
      executor_variant: null,
      branch: 'vk/first',
      target_branch: 'main',
      container_ref: '/var/tmp/vibe-kanban/worktrees/first',
      worktree_deleted: false,
      setup_completed_at: null,
      created_at: '2026-02-01T10:00:00Z',
      updated_at: '2026-02-01T10:20:00.123Z',
      ...changes,
    };
    const attempt = { frame, isShared, executions: [] };
    this.attempts.set(frame.attempt_id, attempt);
    return attempt;
  }

  addExecution(attempt: V1Attempt, rows: V1Entry[], changes: Record<string, unknown> = {}): V1Execution {
    const frame = {
      execution_id: randomUUID(),
      attempt_id: attempt.frame.attempt_id,
      run_reason: 'codingagent',
      executor_action: null,
      before_head_commit: null,
      after_head_commit: null,
      status: 'completed',
      exit_code: 0,
      dropped: false,
      pid: null,
      started_at: '2026-02-01T10:00:00Z',
      completed_at: '2026-02-01T10:20:00.123Z',
      created_at: '2026-02-01T10:00:00Z',
      ...changes,
    };
    const execution: V1Execution = { frame, rows, pushed: { rows: 0 } };
    attempt.executions.push(execution);
    return execution;
  }

  /** @param cycleMs 30,000 in the original; 0 means no cycle */
  async connect(hiveUrl: string, cycleMs = 0): Promise<Frame['data']> {
    const ws = new WebSocket(`${hiveUrl.replace(/^http/, 'ws')}/v1/nodes/ws`, { perMessageDeflate: false });
    this.#ws = ws;
    this.isClosed = false;
    ws.on('error', () => undefined);
    ws.on('close', () => {
      if (this.#ws !== ws) return;
      this.isClosed = true;
      clearInterval(this.#cycle);
    });
    await once(ws, 'open');
    ws.on('message', (data: Buffer) => this.#receive(JSON.parse(data.toString()) as Frame));
    const capabilities = {
      executors: ['CLAUDE_CODE'],
      max_concurrent_tasks: 1,
      os: 'linux',
      arch: 'x86_64',
      version: '0.0.125',
      git_commit: '6bdb74c',
      git_branch: 'main',
    };
    this.#write('auth', {
      api_key: this.apiKey,
      machine_id: this.machineId,
      name: 'node-1',
      capabilities,
      public_url: null,
      protocol_version: 1,
    });
    const result = await this.next('auth_result');
    if (!result['success']) return result;
    this.heartbeat();
    if (cycleMs > 0) {
      this.pushCycle();
      this.#cycle = setInterval(() => this.pushCycle(), cycleMs);
    }
    this.#flush();
    return result;
  }

  heartbeat(): void {
    const data = { status: 'online', active_tasks: 0, available_capacity: 1, memory_usage: null, cpu_usage: null };
    this.#write('heartbeat', { ...data, timestamp: new Date().toISOString().replace('Z', '456789Z') });
  }

  /** One round of the sync service: attempts always, and everything not yet pushed, within its limits. */
  pushCycle(): void {
    this.send('projects_sync', { projects: [] });
    for (const task of this.tasks.slice(0, 50)) this.send('task_sync', task);
    for (const attempt of [...this.attempts.values()].filter((one) => one.isShared).slice(0, 50))
      this.pushAttempt(attempt);
    let rows = ROWS_PER_CYCLE;
    for (const attempt of this.attempts.values()) {
      if (!attempt.isShared) continue;
      for (const execution of attempt.executions) rows -= this.pushExecution(attempt, execution, rows);
    }
    this.send('digest', { entries: [] });
  }

  pushAttempt(attempt: V1Attempt): void {
    this.send('attempt_sync', attempt.frame);
  }

  /** @returns the number of rows that were sent */
  pushExecution(attempt: V1Attempt, execution: V1Execution, limit = ROWS_PER_CYCLE): number {
    if (execution.pushed.status !== execution.frame.status) {
      execution.pushed.status = execution.frame.status;
      this.send('execution_sync', execution.frame);
    }
    const rows = execution.rows.slice(execution.pushed.rows, execution.pushed.rows + limit);
    execution.pushed.rows += rows.length;
    if (rows.length > 0) this.sendBatch(attempt, execution, rows);
    return rows.length;
  }

  sendBatch(attempt: V1Attempt, execution: V1Execution, entries: V1Entry[]): void {
    this.send('logs_batch', {
      assignment_id: attempt.frame.attempt_id,
      shared_task_id: attempt.frame.shared_task_id,
      execution_process_id: execution.frame.execution_id,
      entries,
      compressed: false,
    });
  }

  /** Sends a frame through the queue: now, or on the next connection. */
  send(type: string, data: unknown): void {
    this.#queue.push(JSON.stringify({ type, data }));
    this.#flush();
  }

  /** Sends text or bytes unchanged. */
  sendRaw(data: string | Buffer): void {
    this.#ws?.send(data);
  }

  async next(type: string, timeoutMs = 5000): Promise<Frame['data']> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const index = this.received.findIndex((frame) => frame.type === type);
      const frame = index < 0 ? undefined : this.received.splice(index, 1)[0];
      if (frame) return frame.data;
      if (Date.now() > deadline)
        throw new Error(`no ${type} arrived; got ${JSON.stringify(this.received).slice(0, 500)}`);
      await sleep(10);
    }
  }

  /** Ends the TCP connection. */
  drop(): void {
    clearInterval(this.#cycle);
    this.#ws?.terminate();
  }

  #receive(frame: Frame): void {
    if (frame.type !== 'backfill_request') {
      this.received.push(frame);
      return;
    }
    this.requests++;
    this.mostOutstanding = Math.max(this.mostOutstanding, ++this.#outstanding);
    if (this.isMute) return;
    this.#work = this.#work.then(() => this.#backfill(frame.data));
  }

  async #backfill(request: Frame['data']): Promise<void> {
    const errors: string[] = [];
    let sent = 0;
    for (const id of request['entity_ids'] as string[]) {
      const attempt = this.attempts.get(id);
      if (!attempt) errors.push(`${id}: sync error: attempt ${id} not found`);
      else if (attempt.isShared) sent += this.#backfillAttempt(attempt, request['backfill_type'] as string);
    }
    await this.beforeResponse(request);
    this.#outstanding--;
    this.send('backfill_response', {
      request_id: request['message_id'],
      success: errors.length === 0,
      error: errors.length === 0 ? null : errors.join('; '),
      entities_sent: sent,
    });
  }

  #backfillAttempt(attempt: V1Attempt, type: string): number {
    if (type === 'full_attempt') this.send('attempt_sync', attempt.frame);
    const executions = attempt.executions.filter(({ frame }) => !frame.dropped);
    for (const execution of executions) {
      if (type !== 'logs') this.send('execution_sync', execution.frame);
      if (type === 'executions') continue;
      const step = Math.min(this.rowsPerBatch, Math.max(execution.rows.length, 1));
      for (let start = 0; start < execution.rows.length; start += step) {
        this.sendBatch(attempt, execution, execution.rows.slice(start, start + step));
      }
    }
    return type === 'full_attempt' ? 1 : executions.length;
  }

  #flush(): void {
    if (this.#ws?.readyState !== WebSocket.OPEN) return;
    for (const text of this.#queue.splice(0)) this.#ws.send(text);
  }

  #write(type: string, data: unknown): void {
    this.#ws?.send(JSON.stringify({ type, data }));
  }
}

export function v1Rows(count: number, from = 1): V1Entry[] {
  return Array.from({ length: count }, (_, index) => ({
    output_type: (['stdout', 'stderr', 'system'] as const)[index % 3] ?? 'stdout',
    content: `line ${from + index}`,
    timestamp: '2026-02-01T10:20:00.123Z',
  }));
}
