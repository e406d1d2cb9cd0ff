/**
 * An original node with logs that are too large to be held by the test: it makes each line when it sends it, and writes
 * a log as one unfragmented frame, as the original does. It answers backfill requests one after another.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { attemptData, executionData } from './scripted-v1-store.js';

const WRITE_BYTES = 64 * 1024;
/** A mask of zeros leaves the payload as it is. */
const MASK = Buffer.alloc(4);

/** A log of generated lines: the content of line `index`, from 0. */
export interface GeneratedLog {
  lines: number;
  content(index: number): string;
}

export interface StreamedAttempt {
  attemptId: string;
  executionId: string;
  branch: string;
  log: GeneratedLog;
}

export interface SendOptions {
  /** Ends the TCP connection after this many bytes of the message. */
  cutAfter?: number;
  /** The announced size of the frame, if it is not the true one. */
  announced?: number;
  /** How much is written at once. @default 64 KiB */
  writeBytes?: number;
  /** Waits before each write. */
  beforeWrite?: (sent: number) => Promise<void> | void;
}

export class StreamingV1Node {
  readonly attempts = new Map<string, StreamedAttempt>();
  /** How many bytes of large messages have been sent. */
  sentBytes = 0;
  /** What the hive has asked for, in order. */
  readonly requests: { message_id: string; entity_ids: string[]; backfill_type: string }[] = [];
  /** The tasks that the hive has answered. */
  readonly answeredTasks: string[] = [];
  nodeId = '';
  closeReason: string | undefined;
  /** How the log of an attempt is sent. */
  options: (attempt: StreamedAttempt) => SendOptions = () => ({});
  readonly #apiKey: string;
  #ws: WebSocket | undefined;
  #tcp: Socket | undefined;
  #work = Promise.resolve();
  #isWriting = false;
  readonly #waiting: string[] = [];

  constructor(apiKey: string) {
    this.#apiKey = apiKey;
  }

  get isOpen(): boolean {
    return this.#ws?.readyState === WebSocket.OPEN;
  }

  addAttempt(log: GeneratedLog): StreamedAttempt {
    const attempt = { attemptId: randomUUID(), executionId: randomUUID(), branch: 'vk/first', log };
    this.attempts.set(attempt.attemptId, attempt);
    return attempt;
  }

  async connect(hiveUrl: string): Promise<void> {
    const ws = new WebSocket(`${hiveUrl.replace(/^http/, 'ws')}/v1/nodes/ws`, { perMessageDeflate: false });
    this.#ws = ws;
    this.#work = Promise.resolve();
    this.#waiting.length = 0;
    ws.on('error', () => undefined);
    ws.once('upgrade', (response) => (this.#tcp = response.socket));
    await once(ws, 'open');
    const answered = new Promise<Record<string, unknown>>((resolve) => {
      ws.on('message', (data: Buffer) => {
        const frame = JSON.parse(data.toString()) as { type: string; data: Record<string, unknown> };
        if (frame.type === 'auth_result') resolve(frame.data);
        if (frame.type === 'close') this.closeReason = frame.data['reason'] as string;
        if (frame.type === 'task_sync_response') this.answeredTasks.push(frame.data['local_task_id'] as string);
        if (frame.type === 'backfill_request') this.#asked(frame.data as (typeof this.requests)[number]);
      });
    });
    this.send('auth', {
      api_key: this.#apiKey,
      machine_id: 'cf391d95b363b81c',
      name: 'node-1',
      capabilities: {},
      public_url: null,
      protocol_version: 1,
    });
    const { success, node_id: nodeId } = await answered;
    if (success !== true) throw new Error('the login was refused');
    this.nodeId = nodeId as string;
    this.heartbeat();
  }

  heartbeat(): void {
    this.send('heartbeat', { status: 'online', timestamp: new Date().toISOString() });
  }

  /** Announces the attempts and their ended executions, without lines. */
  announce(): void {
    for (const attempt of this.attempts.values()) this.#announce(attempt);
  }

  /** Tells the hive of an attempt as it is now. */
  announceAttempt({ attemptId, branch }: StreamedAttempt): void {
    this.send('attempt_sync', attemptData({ attempt_id: attemptId, shared_task_id: attemptId, branch }));
  }

  /** Sends a frame, behind the large message that is being sent. */
  send(type: string, data: unknown): void {
    const text = JSON.stringify({ type, data });
    if (this.#isWriting) this.#waiting.push(text);
    else this.#ws?.send(text);
  }

  drop(): void {
    this.#ws?.terminate();
  }

  /** Sends a log in one frame. @returns whether the connection still lives */
  async sendLog({ attemptId, executionId, log }: StreamedAttempt, options: SendOptions = {}): Promise<boolean> {
    const ids = { assignment_id: attemptId, shared_task_id: null, execution_process_id: executionId };
    const head = `{"type":"logs_batch","data":${JSON.stringify(ids).slice(0, -1)},"entries":[`;
    const tail = '],"compressed":false}}';
    let bytes = head.length + tail.length + Math.max(log.lines - 1, 0);
    for (let index = 0; index < log.lines; index++) bytes += Buffer.byteLength(entryOf(log, index));
    const entries = function* () {
      yield head;
      for (let index = 0; index < log.lines; index++) yield (index > 0 ? ',' : '') + entryOf(log, index);
      yield tail;
    };
    return this.sendMessage(bytes, entries(), options);
  }

  /** Sends a message in one frame, whose parts are made as they are sent. */
  async sendMessage(bytes: number, parts: Iterable<string>, options: SendOptions = {}): Promise<boolean> {
    const header = Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, ...MASK]);
    header.writeBigUInt64BE(BigInt(options.announced ?? bytes), 2);
    let pending: Buffer[] = [header];
    let size = 0;
    let sent = 0;
    const flush = async () => {
      await options.beforeWrite?.(sent);
      const chunk = Buffer.concat(pending);
      pending = [];
      size = 0;
      const isCut = options.cutAfter !== undefined && sent + chunk.length > options.cutAfter;
      sent += chunk.length;
      this.sentBytes += chunk.length;
      if (isCut) this.#tcp?.resetAndDestroy();
      else if (this.#tcp?.write(chunk) === false) await written(this.#tcp);
      await nextTurn();
      return this.#tcp?.destroyed === false;
    };
    this.#isWriting = true;
    try {
      for (const part of parts) {
        const text = Buffer.from(part);
        pending.push(text);
        size += text.length;
        if (size >= (options.writeBytes ?? WRITE_BYTES) && !(await flush())) return false;
      }
      return await flush();
    } finally {
      this.#isWriting = false;
      for (const text of this.#waiting.splice(0)) this.#ws?.send(text);
    }
  }

  #asked(request: (typeof this.requests)[number]): void {
    this.requests.push(request);
    this.#work = this.#work.then(() => this.#answer(request));
  }

  async #answer({ message_id, entity_ids, backfill_type }: (typeof this.requests)[number]): Promise<void> {
    for (const id of entity_ids) {
      const attempt = this.attempts.get(id);
      if (!attempt) continue;
      this.#announce(attempt);
      if (backfill_type === 'full_attempt' && !(await this.sendLog(attempt, this.options(attempt)))) return;
    }
    this.send('backfill_response', { request_id: message_id, success: true, error: null, entities_sent: 1 });
  }

  #announce(attempt: StreamedAttempt): void {
    const { attemptId, executionId } = attempt;
    this.announceAttempt(attempt);
    this.send('execution_sync', executionData({ execution_id: executionId, attempt_id: attemptId }));
  }
}

async function written(tcp: Socket): Promise<void> {
  if (tcp.destroyed) return; // 'close' may have come already
  const abort = new AbortController();
  const { signal } = abort;
  await Promise.race([once(tcp, 'drain', { signal }), once(tcp, 'close', { signal })]).catch(() => undefined);
  abort.abort();
}

export function entryOf(log: GeneratedLog, index: number): string {
  return JSON.stringify({ output_type: 'stdout', content: log.content(index), timestamp: '2026-02-01T10:20:00.123Z' });
}
