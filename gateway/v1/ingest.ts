/**
 * Stores what a version 1 node sends, in the order it came: metadata in batches of one transaction each, everything
 * else one by one. The node sends nothing twice, so what has arrived is stored even if the socket has closed meanwhile.
 */
import type { Logger } from 'pino';
import type { HiveAnswerV1, NodeDataV1, NodeFrameV1, TaskSyncV1 } from '../../protocol/v1/frames.js';
import { countCompleted } from '../../backfills/metrics.js';
import type { Database } from '../../prisma/database.js';
import { isTransientDatabaseError } from '../../prisma/errors.js';
import { SupersededError, type NodeSession } from '../../prisma/session.js';
import type { ComputedSync } from '../../prisma/queries/attempt-state.js';
import { finishBackfill } from '../../prisma/queries/v1/finish-backfill.js';
import { settleRequests } from '../../prisma/queries/v1/outstanding-requests.js';
import { storeMetadataV1 } from '../../prisma/queries/v1/store-metadata.js';
import { storeTask } from '../../prisma/queries/v1/store-task.js';
import type { IngestEvents } from '../ingest-events.js';
import { IngestQueue, persist } from '../ingest-queue.js';
import { NodeRequestError } from '../interface.js';
import type { RequestsV1 } from './requests.js';
import type { BackfillWindow } from './backfill-window.js';
import { LogIngestV1 } from './log-ingest.js';

export type IngestItem = (
  | Extract<NodeFrameV1, { type: 'attempt_sync' | 'execution_sync' | 'logs_batch' | 'task_sync' | 'backfill_response' }>
  /** A request was sent, so what follows may be its answer. */
  | { type: 'window'; data: BackfillWindow }
  /** The node has announced everything, as far as one can tell. Handled when everything before it is stored. */
  | { type: 'announced' }
) & {
  bytes: number;
  /** Called when the item has been stored or dropped. */
  release?: () => void;
};

export interface IngestDeps {
  database: Database;
  session: NodeSession;
  logger: Logger;
  requests: RequestsV1;
  send(frame: HiveAnswerV1): unknown;
  events: IngestEvents;
}

/** The maximum number of tries to write something once the socket has closed. */
const TRIES_WHEN_CLOSED = 3;

export class IngestV1 {
  readonly #deps: IngestDeps;
  readonly #queue = new IngestQueue<IngestItem>({
    takeNext: () => this.#takeNext(),
    pressure: (high) => this.#deps.events.pressure(high),
    failed: (error, dropped) => this.#failed(error, dropped),
  });
  readonly #windows = new Map<string, BackfillWindow>();
  readonly #logs: LogIngestV1;
  #isClosed = false;
  #lastStored = 0;

  constructor(deps: IngestDeps) {
    this.#deps = deps;
    this.#logs = new LogIngestV1({
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

  /** @returns when something was last being stored, as a time of `performance.now()` */
  get lastStored(): number {
    return this.#queue.isRunning ? performance.now() : this.#lastStored;
  }

  add(item: IngestItem): void {
    if (!this.#queue.add(item)) item.release?.();
  }

  /** To be called when the socket has closed. Resolves when everything that arrived is stored or has failed. */
  async finish(): Promise<void> {
    this.#isClosed = true;
    await this.#queue.idle();
  }

  async #takeNext(): Promise<void> {
    const batch = this.#queue.takeBatch();
    try {
      const [first] = batch;
      if (first) await this.#take(first, batch);
    } finally {
      this.#lastStored = performance.now();
      for (const item of batch) item.release?.();
    }
    this.#queue.release(batch);
  }

  #failed(error: unknown, dropped: IngestItem[]): void {
    if (error instanceof SupersededError) this.#deps.events.superseded();
    else this.#deps.events.failed(error);
    for (const item of dropped) item.release?.();
  }

  async #take(item: IngestItem, batch: IngestItem[]): Promise<void> {
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
        this.#deps.events.backfillNeeded('announced');
    }
  }

  async #takeMetadata(batch: IngestItem[]): Promise<void> {
    const attempts = batch.flatMap((item) => (item.type === 'attempt_sync' ? [item.data] : []));
    const executions = batch.flatMap((item) => (item.type === 'execution_sync' ? [item.data] : []));
    const { database, session, logger } = this.#deps;
    await this.#persist(async () => {
      const taken = await storeMetadataV1(database, session, { attempts, executions });
      countCompleted(taken.syncs);
      for (const executionId of taken.refusedExecutions)
        logger.warn({ executionId }, 'execution of an unknown attempt ignored');
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
      if (answered.length === 0)
        logger.warn({ requestId: id }, 'backfill response that answers no request to this node');
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
        // what has come on this connection may have been the answer to that older request
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
    if (sync) countCompleted([sync]);
    // an execution ended after the request was sent, so asking once more is enough
    if (sync?.needsBackfill && window.unsettled.size === 0) window.changed = true;
    return undefined;
  }

  #noteNeeds(syncs: ComputedSync[]): void {
    if (syncs.some((sync) => sync.needsBackfill)) this.#deps.events.backfillNeeded('change');
  }

  /**
   * Tries again while the database is away, but only a few times if the socket has closed. What can't be stored for
   * another reason is logged and skipped.
   */
  async #persist(write: () => Promise<void>, id: string | undefined): Promise<void> {
    const { logger } = this.#deps;
    try {
      await persist(write, { logger, shouldGiveUp: (tries) => this.#isClosed && tries >= TRIES_WHEN_CLOSED });
    } catch (error) {
      if (error instanceof SupersededError || isTransientDatabaseError(error)) throw error;
      logger.error({ err: error, id }, 'what a version 1 node sent could not be stored');
    }
  }
}

const TASK_STATUSES = new Set(['todo', 'inprogress', 'in-progress', 'inreview', 'in-review', 'done', 'cancelled']);
/** Original nodes require an id in the answer. */
const NIL_UUID = '00000000-0000-0000-0000-000000000000';

/** @returns the answer to a task that can't be stored; undefined if it can */
function refuseTask({ local_task_id, status }: TaskSyncV1): HiveAnswerV1 | undefined {
  if (TASK_STATUSES.has(status)) return undefined;
  const data = { local_task_id, shared_task_id: NIL_UUID, success: false, error: `invalid task status: ${status}` };
  return { type: 'task_sync_response', data };
}
