/** What a node sends unasked, in its order: metadata in batches of one transaction, live pages side by side by execution. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { AttemptSync, ExecutionSync, HiveFrame } from '../../protocol/frames.js';
import { LIVE_REWIND_LINES, MAX_UNACKNOWLEDGED_METADATA } from '../../protocol/limits.js';
import { PageError } from '../../protocol/page.js';
import type { Database } from '../../prisma/database.js';
import { isTransientDatabaseError } from '../../prisma/errors.js';
import { markGap } from '../../prisma/queries/execution-flags.js';
import { listRunningAttempts, type RunningAttempt } from '../../prisma/queries/list-running-attempts.js';
import { needBackfill } from '../../prisma/queries/need-backfill.js';
import { recomputeAttempt } from '../../prisma/queries/sync-state.js';
import { storeMetadata, type TakenIn } from '../../prisma/queries/store-metadata.js';
import type { StoreResult } from '../../prisma/queries/store-page.js';
import { linesStored, pagesRejected } from '../metrics.js';
import type { LogPage } from '../interface.js';
import { Lanes } from './lanes.js';
import type { LivePageWriter } from './live-page-writer.js';
import { SupersededError, type NodeSession } from '../../prisma/session.js';

export type IntakeItem =
  | { type: 'attempt_sync'; data: AttemptSync; bytes: number }
  | { type: 'execution_sync'; data: ExecutionSync; bytes: number }
  | { type: 'page'; page: LogPage; bytes: number }
  /** The node does not have what it was told about. */
  | { type: 'unknown'; id: string; bytes: number }
  /** The node has announced everything: runs when all before it is stored. */
  | { type: 'announced'; bytes: number };

/** What intake tells the rest of its connection. */
export interface IntakeEvents {
  send(frame: HiveFrame): void;
  fault(message: string, messageId?: string): void;
  /** What is queued has crossed a bound: stop or go on reading the socket. */
  pressure(high: boolean): void;
  /** Attempts need a backfill, or (announced) the node has said all it has. */
  backfillNeeded(reason: 'announced' | 'change'): void;
  superseded(): void;
  /** Storing failed for a reason that is neither the frame's nor passing: the connection is of no use. */
  failed(error: unknown): void;
}

const HIGH_WATER_BYTES = 4 * 1024 * 1024;
const LOW_WATER_BYTES = 1024 * 1024;
const RETRY_MS = 1000;
/** Live pages of one node that are being stored. */
const PAGES_AT_ONCE = 32;

export class Intake {
  readonly #database: Database;
  readonly #livePages: LivePageWriter;
  readonly #session: NodeSession;
  readonly #events: IntakeEvents;
  readonly #logger: Logger;
  readonly #queue: IntakeItem[] = [];
  #queuedBytes = 0;
  #isHigh = false;
  #isRunning = false;
  #isStopped = false;
  #idle = Promise.resolve();
  /** An execution's pages are stored one after another; those of several need not wait for each other. */
  readonly #pages = new Lanes(PAGES_AT_ONCE);
  /** Per execution the position at which its last gap was refused: the second time there, the node can't close it. */
  readonly #refusedAt = new Map<string, number>();

  constructor(
    database: Database,
    livePages: LivePageWriter,
    session: NodeSession,
    events: IntakeEvents,
    logger: Logger,
  ) {
    this.#database = database;
    this.#livePages = livePages;
    this.#session = session;
    this.#events = events;
    this.#logger = logger;
  }

  add(item: IntakeItem): void {
    if (this.#isStopped) return;
    this.#queue.push(item);
    this.#queuedBytes += item.bytes;
    if (!this.#isHigh && this.#queuedBytes > HIGH_WATER_BYTES) {
      this.#isHigh = true;
      this.#events.pressure(true);
    }
    if (!this.#isRunning) this.#idle = this.#run();
  }

  /** Drops what is queued; resolves when what is being stored is done. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#queue.length = 0;
    await this.#idle;
    await this.#pages.idle();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      while (this.#queue.length > 0 && !this.#isStopped) await this.#takeNext();
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#isRunning = false;
    }
  }

  /** Either way the connection is closed: what is queued will not be stored. */
  #failed(error: unknown): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#queue.length = 0;
    if (error instanceof SupersededError) this.#events.superseded();
    else this.#events.failed(error);
  }

  async #takeNext(): Promise<void> {
    const [next] = this.#queue;
    if (next?.type === 'page') {
      this.#queue.shift();
      await this.#pages.add(next.page.executionId, async () => {
        if (!this.#isStopped) await this.#storeLivePage(next.page).catch((error: unknown) => this.#failed(error));
        this.#release(next.bytes);
      });
      return;
    }
    await this.#pages.idle();
    if (this.#isStopped) return;
    const batch = this.#nextBatch();
    if (next?.type === 'announced') await this.#announced();
    else if (next?.type === 'unknown') await this.#unknownAtNode(next.id);
    else await this.#storeBatch(batch);
    this.#release(batch.reduce((sum, item) => sum + item.bytes, 0));
  }

  #release(bytes: number): void {
    this.#queuedBytes -= bytes;
    if (this.#isHigh && this.#queuedBytes < LOW_WATER_BYTES) {
      this.#isHigh = false;
      this.#events.pressure(false);
    }
  }

  /**
   * What the hive believes to be running may not run, nor be known, at a node whose store went back to a backup; nothing
   * else would ever tell. Such a node sees from the revision that the hive knows more, and announces what it has, or
   * that it has nothing of it.
   */
  async #announced(): Promise<void> {
    const running = await this.#persist(() => listRunningAttempts(this.#database, this.#session.nodeId));
    for (const attempt of running) this.#acknowledgeSync(attempt);
    this.#events.backfillNeeded('announced');
  }

  /** An attempt of which more should come: a backfill finds out, and says so. One that has ended may have been pruned. */
  async #unknownAtNode(id: string): Promise<void> {
    const running = await this.#persist(() => listRunningAttempts(this.#database, this.#session.nodeId));
    if (!running.some(({ attemptId }) => attemptId === id)) return;
    const sync = await this.#persist(() => needBackfill(this.#database, this.#session, id));
    if (sync?.needsBackfill) this.#events.backfillNeeded('change');
  }

  #nextBatch(): IntakeItem[] {
    const isMetadata = (item: IntakeItem) => item.type === 'attempt_sync' || item.type === 'execution_sync';
    const end = this.#queue.findIndex((item) => !isMetadata(item));
    const count = Math.min(end === -1 ? this.#queue.length : end, MAX_UNACKNOWLEDGED_METADATA);
    return this.#queue.splice(0, Math.max(count, 1));
  }

  async #storeBatch(batch: IntakeItem[]): Promise<void> {
    const attempts = batch.flatMap((item) => (item.type === 'attempt_sync' ? [item.data] : []));
    const executions = batch.flatMap((item) => (item.type === 'execution_sync' ? [item.data] : []));
    let takenIn: TakenIn;
    try {
      takenIn = await this.#persist(() => storeMetadata(this.#database, this.#session, { attempts, executions }));
    } catch (error) {
      if (error instanceof SupersededError || this.#isStopped) throw error;
      if (batch.length > 1) {
        for (const item of batch) await this.#storeBatch([item]); // one that can't be stored must not take the others along
        return;
      }
      const id = attempts[0]?.attempt_id ?? executions[0]?.execution_id;
      this.#logger.error({ err: error, id }, 'metadata can not be stored');
      this.#events.fault(`${batch[0]?.type ?? 'frame'}: can't be stored`, id);
      return;
    }
    this.#acknowledge(attempts, executions, takenIn);
  }

  #acknowledge(attempts: AttemptSync[], executions: ExecutionSync[], takenIn: TakenIn): void {
    const syncs = new Map(takenIn.attempts.map((sync) => [sync.attemptId, sync]));
    for (const { execution_id: id } of executions) {
      const stored = takenIn.executions.find((execution) => execution.executionId === id);
      if (stored) this.#acknowledgeLog(id, stored.logEpoch, stored.storedThrough);
      else this.#events.fault('execution_sync: attempt_id or execution_id is not known for this node', id);
    }
    for (const { attempt_id: id } of attempts) {
      const sync = syncs.get(id);
      if (sync) this.#acknowledgeSync(sync);
      else this.#events.fault('attempt_sync: attempt_id is not known for this node', id);
    }
    for (const { attempt_id: id } of attempts) syncs.delete(id);
    for (const sync of syncs.values()) if (sync.state === 'complete') this.#acknowledgeSync(sync);
    if (takenIn.attempts.some((sync) => sync.needsBackfill)) this.#events.backfillNeeded('change');
  }

  async #storeLivePage(page: LogPage): Promise<void> {
    const { executionId, logEpoch, firstSeq, lastSeq } = page;
    let result: StoreResult;
    try {
      result = await this.#livePages.store(this.#session, page);
    } catch (error) {
      if (error instanceof PageError) {
        pagesRejected.inc({ reason: error.code });
        this.#events.fault(`log_page: ${error.message}`, executionId);
      } else {
        if (!isTransientDatabaseError(error)) this.#logger.error({ err: error, executionId }, 'live page not stored');
        this.#refuse(executionId, firstSeq, 0, 'busy');
      }
      return;
    }
    if (result.stored) {
      linesStored.inc(lastSeq - firstSeq + 1);
      this.#refusedAt.delete(executionId);
      this.#acknowledgeLog(executionId, logEpoch, result.storedThrough);
      if (result.lastOfEnded) await this.#recompute(result.attemptId);
      return;
    }
    await this.#refusePage(page, result);
  }

  async #refusePage(page: LogPage, result: Extract<StoreResult, { stored: false }>): Promise<void> {
    const { executionId, logEpoch, firstSeq, lastSeq } = page;
    if (result.code === 'superseded') throw new SupersededError(this.#session.nodeId);
    if (result.code === 'gap' && lastSeq <= result.storedThrough) {
      this.#acknowledgeLog(executionId, logEpoch, result.storedThrough); // sent again after a lost answer
      return;
    }
    pagesRejected.inc({ reason: result.code });
    this.#refuse(executionId, firstSeq, result.storedThrough, result.code);
    if (result.code !== 'gap') return;
    const isRepeated = this.#refusedAt.get(executionId) === result.storedThrough;
    this.#refusedAt.set(executionId, result.storedThrough);
    if (isRepeated || firstSeq - result.storedThrough > LIVE_REWIND_LINES) {
      await this.#persist(() => markGap(this.#database, this.#session, executionId, true));
      await this.#recomputeByExecution(executionId);
    }
  }

  async #recomputeByExecution(executionId: string): Promise<void> {
    const execution = await this.#persist(() =>
      this.#database.execution.findUnique({ where: { id: executionId }, select: { attemptId: true } }),
    );
    if (execution) await this.#recompute(execution.attemptId);
  }

  async #recompute(attemptId: string): Promise<void> {
    const sync = await this.#persist(() => recomputeAttempt(this.#database, attemptId));
    if (sync?.state === 'complete') this.#acknowledgeSync(sync);
    if (sync?.needsBackfill) this.#events.backfillNeeded('change');
  }

  /** Goes on trying while the database is away; the socket is not read meanwhile once enough is queued. */
  async #persist<T>(write: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await write();
      } catch (error) {
        if (this.#isStopped || !isTransientDatabaseError(error)) throw error;
        this.#logger.warn({ err: error }, 'database does not answer; trying again');
        await sleep(RETRY_MS);
      }
    }
  }

  #acknowledgeSync({ attemptId, revision, state }: RunningAttempt): void {
    this.#events.send({
      type: 'sync_ack',
      data: { attempt_id: attemptId, revision: Number(revision), sync_state: state },
    });
  }

  #acknowledgeLog(executionId: string, logEpoch: number, storedThrough: number): void {
    this.#events.send({
      type: 'log_ack',
      data: { execution_id: executionId, log_epoch: logEpoch, stored_through: storedThrough },
    });
  }

  #refuse(
    executionId: string,
    firstSeq: number,
    storedThrough: number,
    code: 'gap' | 'epoch' | 'unknown_execution' | 'busy',
  ) {
    this.#events.send({
      type: 'log_refused',
      data: { execution_id: executionId, first_seq: firstSeq, stored_through: storedThrough, code },
    });
  }
}
