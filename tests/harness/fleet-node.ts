import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { encodeLogPageFrame } from '../../protocol/binary-frame.js';
import type { AttemptSync, ExecutionSync, HiveFrame, NodeFrame } from '../../protocol/frames.js';
import { HEARTBEAT_INTERVAL_SECONDS, PROTOCOL_VERSION } from '../../protocol/limits.js';
import { encodePage } from '../../protocol/page.js';
import { sampleLine } from './sample-lines.js';

const EXECUTIONS = 2;
const LINES = 50;
const RETRY_MS = 500;

/** All executions have the same lines, because only the hive is measured. */
const page = encodePage(Array.from({ length: LINES }, (_, index) => sampleLine(index + 1)).join('\n'));

interface Recorded {
  attempt: AttemptSync;
  executions: ExecutionSync[];
}

/** A scripted node: stays connected, announces what it has, and answers what it is asked. */
export class FleetNode {
  readonly #url: string;
  readonly #apiKey: string;
  readonly #machineId = randomUUID();
  readonly #recorded = new Map<string, Recorded>();
  #socket: WebSocket | undefined;
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(url: string, apiKey: string) {
    this.#url = url;
    this.#apiKey = apiKey;
  }

  /** The number of lines that it has recorded. */
  get lines(): number {
    return this.#recorded.size * EXECUTIONS * LINES;
  }

  record(attempts: number): void {
    for (let count = 0; count < attempts; count++) {
      const attempt = newAttempt();
      this.#recorded.set(attempt.attempt_id, { attempt, executions: newExecutions(attempt) });
    }
  }

  /** Resolves when the hive has accepted the login; retries until then. */
  async connect(): Promise<void> {
    while (!(await this.#tryConnect())) await sleep(RETRY_MS * (1 + Math.random()));
  }

  terminate(): void {
    clearInterval(this.#heartbeat);
    this.#socket?.removeAllListeners('close');
    this.#socket?.terminate();
  }

  #tryConnect(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = new WebSocket(`${this.#url}/v1/nodes/ws`, { perMessageDeflate: false });
      this.#socket = socket;
      socket.on('error', () => undefined); // 'close' follows
      socket.on('close', () => {
        resolve(false);
        clearInterval(this.#heartbeat);
      });
      socket.on('open', () => socket.send(JSON.stringify({ type: 'auth', data: this.#auth() })));
      socket.on('message', (data: Buffer) => {
        const frame = JSON.parse(data.toString()) as HiveFrame;
        if (frame.type === 'auth_result') {
          if (!frame.data.success) return;
          this.#start();
          resolve(true);
        } else {
          void this.#answer(frame);
        }
      });
    });
  }

  #auth() {
    const capabilities = { executors: ['SHELL'], max_concurrent_tasks: 1, os: 'linux', arch: 'x64', version: '0' };
    const identity = { api_key: this.#apiKey, machine_id: this.#machineId, name: 'fleet' };
    return { ...identity, capabilities, protocol_version: PROTOCOL_VERSION };
  }

  #start(): void {
    for (const { attempt, executions } of this.#recorded.values()) {
      this.#send({ type: 'attempt_sync', data: attempt });
      for (const execution of executions) this.#send({ type: 'execution_sync', data: execution });
    }
    this.#send({ type: 'announced', data: { count: this.#recorded.size } });
    const beat = () => {
      const timestamp = new Date().toISOString();
      this.#send({ type: 'heartbeat', data: { status: 'online', active_tasks: 0, available_capacity: 1, timestamp } });
    };
    this.#heartbeat = setInterval(beat, HEARTBEAT_INTERVAL_SECONDS * 1000);
  }

  async #answer(frame: HiveFrame): Promise<void> {
    if (frame.type === 'describe_attempt') {
      const { request_id, attempt_id } = frame.data;
      const recorded = this.#recorded.get(attempt_id);
      if (recorded) this.#send({ type: 'attempt_described', data: { request_id, ...recorded, more: false } });
    } else if (frame.type === 'read_logs') {
      const { request_id, execution_id } = frame.data;
      const header = {
        type: 'log_page',
        request_id,
        execution_id,
        log_epoch: 1,
        first_seq: 1,
        last_seq: LINES,
      } as const;
      this.#socket?.send(encodeLogPageFrame({ header, gzip: await page }));
      this.#send({ type: 'logs_end', data: { request_id, log_lines: LINES, log_epoch: 1, status: 'completed' } });
    }
  }

  #send(frame: NodeFrame): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }
}

function newAttempt(): AttemptSync {
  const now = new Date().toISOString();
  return {
    attempt_id: randomUUID(),
    revision: 1,
    execution_count: EXECUTIONS,
    executor: 'SHELL',
    branch: 'main',
    target_branch: 'main',
    worktree_deleted: false,
    created_at: now,
    updated_at: now,
  };
}

function newExecutions({ attempt_id, created_at }: AttemptSync): ExecutionSync[] {
  return Array.from({ length: EXECUTIONS }, () => ({
    execution_id: randomUUID(),
    attempt_id,
    revision: 1,
    run_reason: 'codingagent',
    status: 'completed',
    exit_code: 0,
    dropped: false,
    started_at: created_at,
    completed_at: created_at,
    created_at,
    log_lines: LINES,
    log_epoch: 1,
  }));
}
