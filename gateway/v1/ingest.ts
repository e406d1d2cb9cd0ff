/**
 * What a version 1 node sends, in its order: metadata in batches of one transaction, the rest one by one. The node
 * sends nothing twice, so what has arrived is stored even when its socket has closed meanwhile.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { HiveAnswerV1, NodeDataV1, NodeFrameV1 } from '../../protocol/v1/frames.js';
import type { Database } from '../../prisma/database.js';
import { isTransientDatabaseError } from '../../prisma/errors.js';
import { SupersededError, type NodeSession } from '../../prisma/session.js';
import type { ComputedSync } from '../../prisma/queries/sync-state.js';
import { finishBackfill } from '../../prisma/queries/v1/finish-backfill.js';
import { settleRequests } from '../../prisma/queries/v1/outstanding-requests.js';
import { storeMetadataV1 } from '../../prisma/queries/v1/store-metadata.js';
import { storeTask } from '../../prisma/queries/v1/store-task.js';
import { NodeRequestError } from '../interface.js';
import type { BackfillRequests } from './requests.js';
import type { BackfillWindow } from './backfill-window.js';
import { LogIntake } from './log-ingest.js';
import { refuseTask } from './task-status.js';

export type IntakeItem = (
  | Extract<NodeFrameV1, { type: 'attempt_sync' | 'execution_sync' | 'logs_batch' | 'task_sync' | 'backfill_response' }>
  /** A request was sent: what follows may be its answer. */
  | { type: 'window'; data: BackfillWindow }
  /** The node has said what it has, as far as one can tell: runs when all before it is stored. */
  | { type: 'announced' }
) & {
  bytes: number;
  /** Called when the item has been dealt with. */
  release?: () => void;
};

export interface IntakeDeps {
  database: Database;
  session: NodeSession;
  logger: Logger;
  requests: BackfillRequests;
  send(frame: HiveAnswerV1): void;
  /** What is queued has crossed a bound: stop or go on reading the socket. */
  pressure(high: boolean): void;
  backfillNeeded(reason: 'announced' | 'change'): void;
  superseded(): void;
  failed(error: unknown): void;
}

const HIGH_WATER_BYTES = 4 * 1024 * 1024;
const LOW_WATER_BYTES = 1024 * 1024;
const METADATA_AT_ONCE = 256;
const RETRY_MS = 1000;
/** After the socket has closed, the database is tried so often. */
const TRIES_WHEN_CLOSED = 3;

export class IntakeV1 {
  readonly #deps: IntakeDeps;
  readonly #queue: IntakeItem[] = [];
  readonly #windows = new Map<string, BackfillWindow>();
  readonly #logs: LogIntake;
  #queuedBytes = 0;
  #isHigh = false;
  #isRunning = false;
  #isClosed = false;
  #lastStored = 0;
  #idle = Promise.resolve();

  constructor(deps: IntakeDeps) {
    this.#deps = deps;
    this.#logs = new LogIntake({
      ...deps,
      contextOf: (attemptId) => ({
        window: [...this.#windows.values()].find(
          (window) => window.attemptId === attemptId && window.type === 'full_attempt',
        ),
        isOwedFromBefore: deps.requests.owesFromBefore(attemptId),
      }),
      needed: (sync) => this.#noteNeeds(sync ? [sync] : []),
    });
  }

  /** When something was last being stored, ms since the epoch. */
  get lastStored(): number {
    return this.#isRunning ? Date.now() : this.#lastStored;
  }

  add(item: IntakeItem): void {
    this.#queue.push(item);
    this.#queuedBytes += item.bytes;
    if (!this.#isHigh && this.#queuedBytes > HIGH_WATER_BYTES) {
      this.#isHigh = true;
      this.#deps.pressure(true);
    }
    if (!this.#isRunning) this.#idle = this.#run();
  }

  /** Resolves when all that has arrived is stored, or can't be. */
  async finish(): Promise<void> {
    this.#isClosed = true;
    await this.#idle;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      while (this.#queue.length > 0) await this.#takeNext();
    } catch (error) {
      if (error instanceof SupersededError) this.#deps.superseded();
      else this.#deps.failed(error);
      for (const item of this.#queue.splice(0)) item.release?.();
    } finally {
      this.#isRunning = false;
      this.#lastStored = Date.now();
    }
  }

  async #takeNext(): Promise<void> {
    const batch = this.#nextBatch();
    try {
      const [first] = batch;
      if (first) await this.#take(first, batch);
    } finally {
      for (const item of batch) item.release?.();
    }
    this.#queuedBytes -= batch.reduce((sum, item) => sum + item.bytes, 0);
    if (this.#isHigh && this.#queuedBytes < LOW_WATER_BYTES) {
      this.#isHigh = false;
      this.#deps.pressure(false);
    }
  }

  #nextBatch(): IntakeItem[] {
    const end = this.#queue.findIndex(({ type }) => type !== 'attempt_sync' && type !== 'execution_sync');
    const count = Math.min(end === -1 ? this.#queue.length : end, METADATA_AT_ONCE);
    return this.#queue.splice(0, Math.max(count, 1));
  }

  async #take(item: IntakeItem, batch: IntakeItem[]): Promise<void> {
    switch (item.type) {
      case 'attempt_sync':
      case 'execution_sync':
        return this.#takeMetadata(batch);
      case 'logs_batch':
        return this.#persist(() => this.#logs.take(item.data), item.data.execution_process_id);
      case 'task_sync':
        return this.#takeTask(item.data);
      case 'backfill_response':
        return this.#takeResponse(item.data);
      case 'window':
        for (const id of this.#windows.keys()) if (!this.#deps.requests.isOutstanding(id)) this.#windows.delete(id);
        this.#windows.set(item.data.requestId, item.data);
        return;
      case 'announced':
        this.#deps.backfillNeeded('announced');
    }
  }

  async #takeMetadata(batch: IntakeItem[]): Promise<void> {
    const attempts = batch.flatMap((item) => (item.type === 'attempt_sync' ? [item.data] : []));
    const executions = batch.flatMap((item) => (item.type === 'execution_sync' ? [item.data] : []));
    const { database, session, logger } = this.#deps;
    await this.#persist(async () => {
      const taken = await storeMetadataV1(database, session, { attempts, executions });
      for (const executionId of taken.refusedExecutions)
        logger.warn({ executionId }, 'execution of an unknown attempt');
      const changed = new Set(taken.syncs.map((sync) => sync.attemptId));
      for (const window of this.#windows.values()) {
        if (attempts.some((attempt) => attempt.attempt_id === window.attemptId)) window.hasAttempt = true;
        for (const item of executions) if (item.attempt_id === window.attemptId) window.listed.add(item.execution_id);
        if (changed.has(window.attemptId)) window.changed = true;
      }
      this.#noteNeeds(taken.syncs);
    }, attempts[0]?.attempt_id ?? executions[0]?.execution_id);
  }

  async #takeTask(task: NodeDataV1<'task_sync'>): Promise<void> {
    const { database, session } = this.#deps;
    const refusal = refuseTask(task);
    if (refusal) {
      this.#deps.send(refusal);
      return;
    }
    await this.#persist(async () => {
      const id = await storeTask(database, session, task);
      const data = { local_task_id: task.local_task_id, shared_task_id: id, success: true, error: null };
      this.#deps.send({ type: 'task_sync_response', data });
    }, task.local_task_id);
  }

  async #takeResponse(response: NodeDataV1<'backfill_response'>): Promise<void> {
    const { database, session, requests, logger } = this.#deps;
    const { request_id: id } = response;
    await this.#persist(async () => {
      const answered = await settleRequests(database, session.nodeId, id);
      if (answered.length === 0) logger.warn({ requestId: id }, 'response to no request of this node');
      for (const other of answered) {
        if (other === id) continue;
        this.#windows.delete(other);
        requests.settle(other, new NodeRequestError('timeout', 'the node answered a later request'));
      }
      const window = this.#windows.get(id);
      if (window && answered.includes(id)) {
        const error = await this.#endWindow(window, response);
        this.#windows.delete(id);
        requests.settle(id, error);
      } else if (answered.includes(id)) {
        // What came so far on this connection may have been the older request's answer.
        for (const open of this.#windows.values()) open.startOver();
        requests.settle(id);
      }
    }, id);
  }

  async #endWindow(
    window: BackfillWindow,
    { success, error }: NodeDataV1<'backfill_response'>,
  ): Promise<NodeRequestError | undefined> {
    const { attemptId } = window;
    await this.#logs.endWindow(window, success);
    if (!success) {
      const isUnknown = error?.includes(`attempt ${attemptId} not found`) ?? false;
      return new NodeRequestError(isUnknown ? 'not_found' : 'internal', error ?? 'the node gave no reason');
    }
    if (window.type === 'executions') return undefined;
    if (!window.hasAttempt) return new NodeRequestError('not_shared', 'the node sent nothing of the attempt');
    const sync = await finishBackfill(this.#deps.database, this.#deps.session, window);
    // An execution ended after the request was decided: asking once more will do.
    if (sync?.needsBackfill && window.unsettled.size === 0) window.changed = true;
    return undefined;
  }

  #noteNeeds(syncs: ComputedSync[]): void {
    if (syncs.some((sync) => sync.needsBackfill)) this.#deps.backfillNeeded('change');
  }

  /**
   * Goes on trying while the database is away; the socket is not read meanwhile once enough is queued. What can't be
   * stored for another reason is logged, and the rest goes on.
   */
  async #persist(write: () => Promise<void>, id: string | undefined): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await write();
        return;
      } catch (error) {
        if (error instanceof SupersededError) throw error;
        if (!isTransientDatabaseError(error)) {
          this.#deps.logger.error({ err: error, id }, 'what a version 1 node sent can not be stored');
          return;
        }
        if (this.#isClosed && tries >= TRIES_WHEN_CLOSED) throw error;
        this.#deps.logger.warn({ err: error }, 'database does not answer; trying again');
        await sleep(RETRY_MS);
      }
    }
  }
}
