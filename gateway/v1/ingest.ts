/**
 * Stores what a version 1 node sends, in the order it came: metadata in batches of one transaction each, everything
 * else one by one. The node sends nothing twice, so what has arrived is stored even if the socket has closed meanwhile.
 */
import type { Logger } from 'pino';
import { taskRefusalV1, type HiveAnswerV1, type NodeDataV1, type NodeFrameV1 } from '../../protocol/v1/frames.js';
import { countCompleted } from '../../backfills/metrics.js';
import type { Database } from '../../prisma/database.js';
import { isTransientDatabaseError } from '../../prisma/errors.js';
import { SupersededError, type NodeSession } from '../../prisma/session.js';
import type { ComputedSync } from '../../prisma/queries/attempt-state.js';
import { settleAnswer, type TakenAnswer } from '../../prisma/queries/v1/finish-backfill.js';
import { needAfterAsk } from '../../prisma/queries/v1/need-after-ask.js';
import { storeMetadataV1, type TakenInV1 } from '../../prisma/queries/v1/store-metadata.js';
import { storeTask } from '../../prisma/queries/v1/store-task.js';
import type { TooLargeLog } from '../../prisma/queries/too-large.js';
import type { IngestEvents } from '../ingest-events.js';
import { IngestQueue, persist } from '../ingest-queue.js';
import { NodeRequestError } from '../interface.js';
import type { ProjectFrame, ProjectsV1 } from './projects.js';
import type { RequestsV1 } from './requests.js';
import { Ask } from './ask.js';
import { BackfillWindow } from './backfill-window.js';
import { BatchIntake } from './batch-intake.js';
import type { ArrivingBatch } from './large-message-reader.js';
import { LogIngestV1, type LogIngestDeps } from './log-ingest.js';
import { LogWriterV1 } from './log-writer.js';
import { LogsBeingWritten } from './logs-being-written.js';
import { WholeBatches } from './whole-batches.js';

export type IngestItem = (
  | Extract<NodeFrameV1, { type: 'attempt_sync' | 'execution_sync' | 'logs_batch' | 'task_sync' | 'backfill_response' }>
  | ProjectFrame
  /** A request was sent, so what follows may be its answer. */
  | { type: 'window'; data: BackfillWindow | Ask }
  /** A batch that is stored while it arrives. */
  | { type: 'arriving_batch'; data: ArrivingBatch }
  /** A description of a wrong shape, of which nothing is stored. */
  | { type: 'refused'; data: { attemptId: string } }
  /** A batch that is skipped. */
  | { type: 'too_large'; data: TooLargeLog }
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
  projects: ProjectsV1;
  send(frame: HiveAnswerV1): unknown;
  events: IngestEvents;
  /** @returns the time by the node's clock, in ms since 1970; undefined before its first heartbeat */
  nodeTime(): number | undefined;
  /** Lines of an attempt came whose execution has not ended, as far as the hive knows. */
  linesCame(attemptId: string): void;
}

/** The maximum number of tries to write something once the socket has closed. */
const TRIES_WHEN_CLOSED = 3;
const TASK_STATUSES = new Set(['todo', 'inprogress', 'in-progress', 'inreview', 'in-review', 'done', 'cancelled']);

export class IngestV1 {
  readonly #deps: IngestDeps;
  readonly #queue = new IngestQueue<IngestItem>({
    takeNext: () => this.#takeNext(),
    pressure: (high) => this.#deps.events.pressure(high),
    failed: (error, dropped) => this.#failed(error, dropped),
  });
  readonly #windows = new Map<string, BackfillWindow | Ask>();
  readonly #logs: LogIngestV1;
  readonly #whole: WholeBatches;
  readonly #batches: BatchIntake;
  readonly #beingWritten = new LogsBeingWritten();
  #isClosed = false;
  #lastStored = 0;

  constructor(deps: IngestDeps) {
    this.#deps = deps;
    const logDeps: LogIngestDeps = {
      ...deps,
      contextOf: (attemptId) => ({
        window: this.#windowsOf(attemptId)[0],
        isOwedFromBefore: deps.requests.owesFromBefore(attemptId),
      }),
      persist: (write) => this.#persist(write),
      needed: (sync) => this.#noteNeeds(sync ? [sync] : []),
    };
    this.#logs = new LogIngestV1(logDeps);
    this.#whole = new WholeBatches({ ...logDeps, logs: this.#logs, writer: new LogWriterV1(logDeps) });
    this.#batches = new BatchIntake(this.#whole, deps.logger);
  }

  /** @returns when something was last being stored, as a time of `performance.now()` */
  get lastStored(): number {
    return this.#queue.isRunning ? performance.now() : this.#lastStored;
  }

  /** @returns for how long the log of an execution of the attempt may not be whole yet, because it has just ended, in ms */
  logIsWrittenIn(attemptId: string): number {
    return this.#beingWritten.remainingMs(attemptId);
  }

  add(item: IngestItem): void {
    if (!this.#queue.add(item)) release(item);
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
    for (const item of dropped) release(item);
  }

  /** What can't be stored, although the database is there, is logged, and is known to be missing. */
  async #take(item: IngestItem, batch: IngestItem[]): Promise<void> {
    try {
      await this.#store(item, batch);
    } catch (error) {
      if (error instanceof SupersededError || isTransientDatabaseError(error)) throw error;
      this.#deps.logger.error({ err: error, type: item.type }, 'what a version 1 node sent could not be stored');
      if (item.type === 'logs_batch' || item.type === 'arriving_batch') {
        await this.#logs.distrust(item.data.execution_process_id);
      } else if (item.type === 'backfill_response') {
        const failure = new NodeRequestError('internal', 'the answer could not be stored');
        const { database, session, requests } = this.#deps;
        for (const id of requests.answeredBy(item.data.request_id)) await this.#drop(id, failure);
        await this.#persist(() => settleAnswer(database, session, item.data.request_id)); // it keeps no place
      }
    }
  }

  async #store(item: IngestItem, batch: IngestItem[]): Promise<void> {
    switch (item.type) {
      case 'attempt_sync':
      case 'execution_sync':
        return this.#takeMetadata(batch);
      case 'logs_batch':
        return this.#logs.take(item.data);
      case 'arriving_batch':
        return this.#batches.take(item.data);
      case 'refused':
        this.#deps.logger.warn({ attemptId: item.data.attemptId }, 'description of a wrong shape ignored');
        for (const window of this.#windowsOf(item.data.attemptId))
          window.failure ??= new NodeRequestError('internal', 'a description had a wrong shape');
        return;
      case 'too_large':
        return this.#whole.tooLarge(item.data);
      case 'task_sync':
        return this.#takeTask(item.data);
      case 'backfill_response':
        return this.#takeResponse(item.data);
      case 'projects_sync':
      case 'link_project':
      case 'unlink_project':
        return this.#persist(() => this.#deps.projects.take(item));
      case 'window':
        for (const id of this.#windows.keys()) if (!this.#deps.requests.isOutstanding(id)) await this.#drop(id);
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
    const ids = new Set([...attempts, ...executions].map((item) => item.attempt_id));
    const askedFor = new Set([...ids].filter((id) => this.#isAskedFor(id)));
    let tries = 0;
    let taken: TakenInV1;
    try {
      taken = await this.#persist(() => {
        tries++;
        return storeMetadataV1(database, session, { attempts, executions }, askedFor);
      });
    } catch (error) {
      if (error instanceof SupersededError || isTransientDatabaseError(error)) throw error;
      // one that can't be stored must not affect the others
      if (batch.length > 1) for (const item of batch) await this.#takeMetadata([item]);
      else {
        for (const id of ids) for (const window of this.#windowsOf(id)) window.isSpoilt = true;
        logger.error({ err: error, attemptIds: [...ids] }, 'metadata of a version 1 node could not be stored');
      }
      return;
    }
    countCompleted(taken.syncs);
    for (const executionId of taken.refusedExecutions)
      logger.warn({ executionId }, 'execution of an unknown attempt ignored');
    for (const { execution_id: id, attempt_id } of executions)
      if (taken.newExecutions.includes(id) && !askedFor.has(attempt_id)) await this.#logs.begin(id);
    this.#noteEnds(executions);
    // a try whose end is unknown may have been the one that changed something
    const changed = new Set(tries > 1 ? ids : taken.syncs.map((sync) => sync.attemptId));
    for (const window of this.#windows.values()) {
      if (window instanceof Ask) {
        window.note(executions, changed);
        continue;
      }
      if (attempts.some((attempt) => attempt.attempt_id === window.attemptId)) window.hasAttempt = true;
      for (const item of executions) if (item.attempt_id === window.attemptId) window.listed.add(item.execution_id);
      if (changed.has(window.attemptId)) window.changed = true;
    }
    if (tries > 1) this.#deps.events.backfillNeeded('change');
    else this.#noteNeeds(taken.syncs);
  }

  #noteEnds(executions: NodeDataV1<'execution_sync'>[]): void {
    const nodeTime = this.#deps.nodeTime();
    for (const { attempt_id: attemptId, status, completed_at: completedAt } of executions) {
      if (status === 'running' || completedAt === null || nodeTime === undefined) continue;
      this.#beingWritten.noteEnd(attemptId, completedAt, nodeTime);
    }
  }

  /** @returns whether frames about the attempt may be part of an answer */
  #isAskedFor(attemptId: string): boolean {
    const isAsked = [...this.#windows.values()].some((window) => window.isAbout(attemptId));
    return isAsked || this.#deps.requests.owesAnythingFromBefore(attemptId);
  }

  #windowsOf(attemptId: string): BackfillWindow[] {
    return [...this.#windows.values()].filter(
      (window): window is BackfillWindow => window instanceof BackfillWindow && window.isAbout(attemptId),
    );
  }

  async #takeTask(task: NodeDataV1<'task_sync'>): Promise<void> {
    const { database, session } = this.#deps;
    if (!TASK_STATUSES.has(task.status)) {
      this.#deps.send(taskRefusalV1(task, `invalid task status: ${task.status}`));
      return;
    }
    const id = await this.#persist(() => storeTask(database, session, task));
    const data = { local_task_id: task.local_task_id, shared_task_id: id, success: true, error: null };
    this.#deps.send({ type: 'task_sync_response', data });
  }

  /**
   * The answer's lines are stored first. Then one transaction settles the request and finishes the backfill. What this
   * process remembers changes last, so that nothing is half taken if the database fails in between.
   */
  async #takeResponse(response: NodeDataV1<'backfill_response'>): Promise<void> {
    const { database, session, requests, logger } = this.#deps;
    const { request_id: id } = response;
    const answered = requests.answeredBy(id);
    if (answered.length === 0) {
      logger.warn({ requestId: id }, 'backfill response that answers no request to this node');
      return;
    }
    const window = this.#windows.get(id);
    if (window instanceof Ask) await this.#endAsk(window, response);
    const failure = window instanceof BackfillWindow ? await this.#endWindow(window, response) : undefined;
    const finished = window instanceof BackfillWindow && !failure ? window : undefined;
    const taken = await this.#persist(() => settleAnswer(database, session, id, finished));
    if (finished) this.#noteFinished(finished, taken);
    for (const other of answered) {
      if (other !== id) await this.#drop(other, new NodeRequestError('timeout', 'the node answered a later request'));
    }
    // what has come on this connection may have been the answer to a request of an earlier one
    if (!window) for (const open of this.#windows.values()) await this.#startOver(open);
    this.#settle(id, failure);
  }

  /** Ends a request whose answer will not come, or was not understood. */
  async #drop(requestId: string, error?: NodeRequestError): Promise<void> {
    const window = this.#windows.get(requestId);
    if (window) await this.#startOver(window);
    this.#settle(requestId, error);
  }

  async #startOver(window: BackfillWindow | Ask): Promise<void> {
    if (window instanceof Ask) window.startOver();
    else await this.#logs.startOver(window);
  }

  /** What has ended was stored as metadata. What the node did not speak of, only a whole backfill can tell. */
  async #endAsk(ask: Ask, { error }: NodeDataV1<'backfill_response'>): Promise<void> {
    ask.end(error);
    const { database, session } = this.#deps;
    this.#noteNeeds(await this.#persist(() => needAfterAsk(database, session, ask)));
  }

  #settle(requestId: string, error?: NodeRequestError): void {
    this.#windows.delete(requestId);
    this.#deps.requests.settle(requestId, error);
  }

  /** @returns why the backfill has failed; undefined if it has not */
  async #endWindow(
    window: BackfillWindow,
    { success, error }: NodeDataV1<'backfill_response'>,
  ): Promise<NodeRequestError | undefined> {
    const { attemptId } = window;
    await this.#logs.endWindow(window, success && !window.isSpoilt);
    if (!success) {
      const isUnknown = error?.includes(`attempt ${attemptId} not found`) ?? false;
      return new NodeRequestError(isUnknown ? 'not_found' : 'internal', error ?? 'the node gave no reason');
    }
    if (window.failure) return window.failure;
    if (window.isSpoilt) return new NodeRequestError('internal', 'a part of the answer could not be stored');
    if (window.hasAttempt) return undefined;
    return new NodeRequestError('not_shared', 'the node sent nothing of the attempt');
  }

  #noteFinished(window: BackfillWindow, { sync, followed, isEarly, askAgainMs }: TakenAnswer): void {
    this.#beingWritten.waitFor(window.attemptId, askAgainMs);
    if (sync) countCompleted([sync]);
    for (const executionId of followed) this.#logs.follow(executionId);
    // asking once more is enough; lines that the node does not have any more would be asked for again and again
    const isWorthAnother = window.unsettled.size === 0 && (isEarly || window.lost.size > 0);
    if (sync?.needsBackfill && isWorthAnother) window.changed = true;
  }

  #noteNeeds(syncs: ComputedSync[]): void {
    if (syncs.some((sync) => sync.needsBackfill)) this.#deps.events.backfillNeeded('change');
  }

  /** Tries again while the database is away, but only a few times if the socket has closed. */
  #persist<T>(write: () => Promise<T>): Promise<T> {
    const { logger } = this.#deps;
    return persist(write, { logger, shouldGiveUp: (tries) => this.#isClosed && tries >= TRIES_WHEN_CLOSED });
  }
}

/** The item is dropped, because the queue has stopped. */
function release(item: IngestItem): void {
  item.release?.();
  if (item.type === 'arriving_batch') item.data.pieces.destroy();
}
