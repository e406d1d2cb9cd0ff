/** A scripted node with one attempt of one execution, which answers the hive's requests as the test says. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AttemptSync, ExecutionSync } from '../../protocol/frames.js';
import { attemptFrame, executionFrame, pageOf, ScriptedNode } from './scripted-node.js';

/** How it answers what it is asked: not at all, as it should, without its lines, or that it can't. */
export type Mood = 'silent' | 'serves' | 'describes' | 'loses_lines' | 'not_found' | 'internal';

export class MoodyNode {
  mood: Mood = 'silent';
  /** How often it was asked for the attempt's description, and for the execution's lines. */
  readonly asked = { describe: 0, read: 0 };
  attempt: AttemptSync = attemptFrame();
  executions: ExecutionSync[] = [executionFrame(this.attempt, { status: 'completed', exit_code: 0, log_lines: 2 })];
  /** Runs before it answers that it can't describe the attempt. */
  beforeRefusing: () => Promise<void> = () => Promise.resolve();
  /** Runs before the end of each read is sent. */
  beforeReadEnds: () => Promise<void> = () => Promise.resolve();
  readonly #machineId = randomUUID();
  readonly #url: string;
  readonly #key: string;
  #node: ScriptedNode | undefined;

  constructor(url: string, key: string) {
    this.#url = url;
    this.#key = key;
  }

  get attemptId(): string {
    return this.attempt.attempt_id;
  }

  /** Logs in, and says what it has; not that it has said everything, so that no drain starts. */
  async connect(): Promise<void> {
    const node = await ScriptedNode.connect(this.#url, this.#key, this.#machineId);
    this.#node = node;
    await this.announce();
    void this.#answer(node);
  }

  /** Resolves when the hive has stored it. */
  async announce(): Promise<void> {
    this.#node?.send('attempt_sync', this.attempt);
    for (const execution of this.executions) this.#node?.send('execution_sync', execution);
    await this.#node?.next('sync_ack');
  }

  /** Makes a new revision, with one more execution. It still has to be announced. */
  addExecution(): void {
    const revision = this.attempt.revision + 1;
    this.attempt = { ...this.attempt, revision, execution_count: this.executions.length + 1 };
    this.executions.push(executionFrame(this.attempt, { status: 'completed', exit_code: 0, log_lines: 2 }));
  }

  async disconnect(): Promise<void> {
    this.#node?.close();
    await this.#node?.untilClosed();
  }

  async #answer(node: ScriptedNode): Promise<void> {
    while (!node.closed) {
      const isRequest = () =>
        node.received.findIndex(({ type }) => type === 'describe_attempt' || type === 'read_logs');
      for (let index = isRequest(); index >= 0; index = isRequest()) {
        const [frame] = node.received.splice(index, 1);
        if (frame?.type === 'describe_attempt') await this.#describe(node, frame.data.request_id);
        if (frame?.type === 'read_logs') await this.#read(node, frame.data.request_id, frame.data.execution_id);
      }
      await sleep(10);
    }
  }

  async #describe(node: ScriptedNode, requestId: string): Promise<void> {
    this.asked.describe++;
    const { attempt, executions, mood } = this;
    if (mood === 'silent') return;
    if (mood === 'not_found' || mood === 'internal') {
      await this.beforeRefusing();
      node.send('request_failed', { request_id: requestId, code: mood, message: 'said the test' });
    } else {
      node.send('attempt_described', { request_id: requestId, attempt, executions, more: false });
    }
  }

  async #read(node: ScriptedNode, requestId: string, executionId: string): Promise<void> {
    this.asked.read++;
    if (this.mood === 'silent' || this.mood === 'describes') return;
    if (this.mood === 'serves') {
      const header = { execution_id: executionId, log_epoch: 1, first_seq: 1, last_seq: 2, request_id: requestId };
      node.sendPageBytes(await pageOf(['first', 'second']), header);
    }
    await this.beforeReadEnds();
    node.send('logs_end', { request_id: requestId, log_lines: 2, log_epoch: 1, status: 'completed' });
  }
}
