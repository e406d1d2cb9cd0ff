/** A node that the test controls: sends exactly the frames that the test wants, and keeps what the hive answers. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import pTimeout from 'p-timeout';
import { WebSocket } from 'ws';
import { encodeLogPageFrame } from '../../protocol/binary-frame.js';
import type { AttemptSync, ExecutionSync, FrameData, HiveFrame, LogPageHeader } from '../../protocol/frames.js';
import { encodeLine, encodePage } from '../../protocol/page.js';

type PageHeader = Omit<LogPageHeader, 'type' | 'last_seq'> & { last_seq?: number };

export class ScriptedNode {
  readonly received: HiveFrame[] = [];
  closed: { code: number; reason: string } | undefined;
  #waiting: (() => void)[] = [];

  private constructor(readonly ws: WebSocket) {
    ws.on('message', (data: Buffer) => {
      this.received.push(JSON.parse(data.toString()) as HiveFrame);
      this.#wake();
    });
    ws.on('error', () => undefined);
    ws.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
      this.#wake();
    });
  }

  /** Opens a socket without logging in. */
  static async open(hiveUrl: string): Promise<ScriptedNode> {
    const ws = new WebSocket(`${hiveUrl.replace(/^http/, 'ws')}/v1/nodes/ws`, { perMessageDeflate: false });
    const node = new ScriptedNode(ws);
    await once(ws, 'open');
    return node;
  }

  /**
   * Opens a socket and logs in.
   * @throws Error if the hive refuses the login
   */
  static async connect(
    hiveUrl: string,
    apiKey: string,
    machineId: string = randomUUID(),
    markers?: string[],
  ): Promise<ScriptedNode> {
    const node = await ScriptedNode.open(hiveUrl);
    const result = await node.auth(apiKey, machineId, markers);
    if (!result.success) throw new Error(`auth refused: ${result.error}`);
    return node;
  }

  /**
   * @param markers absent for a node that knows neither markers nor `sync_refused`
   * @param hosts absent for a node that does not say which machine it runs on
   * @param frames of the hive that not every node knows; absent for a node that knows none
   */
  auth(
    apiKey: string,
    machineId: string,
    markers?: string[],
    hosts?: string[],
    frames?: string[],
  ): Promise<FrameData<HiveFrame, 'auth_result'>> {
    this.send('auth', {
      api_key: apiKey,
      machine_id: machineId,
      name: 'scripted',
      capabilities: {
        ...{ executors: ['SHELL'], max_concurrent_tasks: 1, os: 'linux', arch: 'x64', version: '0' },
        ...(hosts && { hosts }),
        ...(frames && { frames }),
      },
      protocol_version: 2,
      ...(markers && { markers }),
    });
    return this.next('auth_result');
  }

  send(type: string, data: unknown): void {
    this.ws.send(JSON.stringify({ type, data }));
  }

  /** Sends lines as a page. The header may be wrong. */
  async sendPage(lines: string[], header: PageHeader): Promise<void> {
    this.sendPageBytes(await pageOf(lines), { last_seq: header.first_seq + lines.length - 1, ...header });
  }

  sendPageBytes(page: Buffer, header: PageHeader & { last_seq: number }): void {
    this.ws.send(encodeLogPageFrame({ header: { type: 'log_page', ...header }, gzip: page }));
  }

  /** Takes the oldest frame of the type from those received, or waits for one. */
  async next<T extends HiveFrame['type']>(type: T, timeoutMs = 60_000): Promise<FrameData<HiveFrame, T>> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const index = this.received.findIndex((frame) => frame.type === type);
      if (index >= 0) return this.received.splice(index, 1)[0]?.data as FrameData<HiveFrame, T>;
      if (this.closed)
        throw new Error(`socket closed (${this.closed.reason}) before ${type}; got ${JSON.stringify(this.received)}`);
      await this.#arrival(deadline, type);
    }
  }

  /**
   * Takes the oldest frame from those received, or waits for one.
   * @returns undefined if the socket closed before a frame came
   */
  async nextFrame(timeoutMs = 60_000): Promise<HiveFrame | undefined> {
    const deadline = Date.now() + timeoutMs;
    while (this.received.length === 0) {
      if (this.closed) return undefined;
      await this.#arrival(deadline, 'frame');
    }
    return this.received.shift();
  }

  async untilClosed(timeoutMs = 60_000): Promise<{ code: number; reason: string }> {
    const deadline = Date.now() + timeoutMs;
    while (!this.closed) await this.#arrival(deadline, 'close');
    return this.closed;
  }

  close(): void {
    this.ws.close();
  }

  #arrival(deadline: number, what: string): Promise<void> {
    return pTimeout(new Promise((resolve) => this.#waiting.push(resolve)), {
      milliseconds: Math.max(1, deadline - Date.now()),
      fallback: () => {
        throw new Error(`no ${what} arrived; got ${JSON.stringify(this.received)}`);
      },
    });
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

export function pageOf(lines: string[]): Promise<Buffer> {
  const timestamp = '2026-02-01T10:00:00.000Z';
  return encodePage(lines.map((content) => encodeLine({ output_type: 'stdout', content, timestamp })).join('\n'));
}

export function attemptFrame(changes: Partial<AttemptSync> = {}): AttemptSync {
  return {
    attempt_id: randomUUID(),
    revision: 1,
    execution_count: 1,
    title: 'a test',
    executor: 'SHELL',
    branch: 'vk/test',
    target_branch: 'main',
    worktree_deleted: false,
    created_at: '2026-02-01T10:00:00Z',
    updated_at: '2026-02-01T10:00:00Z',
    ...changes,
  };
}

export function executionFrame(attempt: AttemptSync, changes: Partial<ExecutionSync> = {}): ExecutionSync {
  return {
    execution_id: randomUUID(),
    attempt_id: attempt.attempt_id,
    revision: attempt.revision,
    run_reason: 'codingagent',
    executor_action: null,
    status: 'running',
    dropped: false,
    started_at: '2026-02-01T10:00:00Z',
    created_at: '2026-02-01T10:00:00Z',
    log_lines: 0,
    log_epoch: 1,
    ...changes,
  };
}
