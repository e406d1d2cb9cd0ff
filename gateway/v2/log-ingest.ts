/**
 * Stores the live pages that a node pushes, those of several executions concurrently, and acknowledges or refuses each.
 */
import type { Logger } from 'pino';
import type { Database } from '../../prisma/database.js';
import { isLocked, isTransientDatabaseError } from '../../prisma/errors.js';
import { markGap } from '../../prisma/queries/execution-flags.js';
import type { StoreResult } from '../../prisma/queries/store-page.js';
import { recomputeAttempt, type ComputedSync } from '../../prisma/queries/attempt-state.js';
import { SupersededError, type NodeSession } from '../../prisma/session.js';
import type { FrameData, HiveFrame } from '../../protocol/frames.js';
import { LIVE_REWIND_LINES } from '../../protocol/limits.js';
import { PageError } from '../../protocol/page.js';
import type { LogPage } from '../interface.js';
import { linesStored, pagesRejected } from '../metrics.js';
import { Lanes } from './lanes.js';
import type { LivePageWriter } from './live-page-writer.js';

/** What ingest needs of its socket, for metadata and pages alike. */
export interface IngestSocket {
  database: Database;
  livePages: LivePageWriter;
  session: NodeSession;
  logger: Logger;
  send(frame: HiveFrame): void;
  /** Tells the node that nothing of an attempt is taken from it. */
  refuse(refusal: FrameData<HiveFrame, 'sync_refused'>): void;
  /** Reports a frame that breaks the protocol. @param messageId the attempt or execution that it was about */
  fault(message: string, messageId?: string): void;
}

export interface LogIngestDeps extends IngestSocket {
  /** Tries again while the database is away. */
  persist<T>(write: () => Promise<T>): Promise<T>;
  isStopped(): boolean;
  /** A page could not be stored for a reason that is neither the page's fault nor temporary. */
  failed(error: unknown): void;
  /** The attempt's state was computed again. */
  recomputed(sync: ComputedSync): void;
}

/** The maximum number of one node's live pages that are being stored or wait for their turn. */
const PAGES_AT_ONCE = 32;
/** When to look again at an attempt that another transaction had locked. */
const LOCKED_RETRY_MS = 500;

export class LogIngestV2 {
  readonly #deps: LogIngestDeps;
  /** Pages of one execution are stored one after another; those of several need not wait for each other. */
  readonly #lanes = new Lanes(PAGES_AT_ONCE);
  /**
   * Where each execution's last gap was refused. A second refusal at the position means that the node can't close it.
   */
  readonly #refusedAt = new Map<string, number>();

  constructor(deps: LogIngestDeps) {
    this.#deps = deps;
  }

  /**
   * Resolves as soon as there is room for the page.
   * @param done called when the page has been stored, refused or dropped
   */
  add(page: LogPage, done: () => void): Promise<void> {
    return this.#lanes.add(page.executionId, async () => {
      if (!this.#deps.isStopped()) await this.#store(page).catch((error: unknown) => this.#deps.failed(error));
      done();
    });
  }

  /** Resolves when no page that was added is left. */
  idle(): Promise<void> {
    return this.#lanes.idle();
  }

  async #store(page: LogPage): Promise<void> {
    const { executionId, logEpoch, firstSeq, lastSeq } = page;
    let result: StoreResult;
    try {
      result = await this.#deps.livePages.store(this.#deps.session, page);
    } catch (error) {
      if (error instanceof PageError) {
        pagesRejected.inc({ reason: error.code });
        this.#deps.fault(`log_page: ${error.message}`, executionId);
      } else {
        if (!isTransientDatabaseError(error))
          this.#deps.logger.error({ err: error, executionId }, 'live page could not be stored');
        this.#refuse(executionId, firstSeq, 0, 'busy');
      }
      return;
    }
    if (result.stored) {
      linesStored.inc(lastSeq - firstSeq + 1);
      this.#refusedAt.delete(executionId);
      this.acknowledge(executionId, logEpoch, result.storedThrough);
      if (result.lastOfEnded) await this.#recompute(result.attemptId);
      return;
    }
    await this.#refusePage(page, result);
  }

  async #refusePage(page: LogPage, result: Extract<StoreResult, { stored: false }>): Promise<void> {
    const { executionId, logEpoch, firstSeq, lastSeq } = page;
    if (result.code === 'superseded') throw new SupersededError(this.#deps.session.nodeId);
    if (result.code === 'gap' && lastSeq <= result.storedThrough) {
      this.acknowledge(executionId, logEpoch, result.storedThrough); // sent again after a lost answer
      return;
    }
    pagesRejected.inc({ reason: result.code });
    this.#refuse(executionId, firstSeq, result.storedThrough, result.code);
    if (result.code !== 'gap') return;
    const isRepeated = this.#refusedAt.get(executionId) === result.storedThrough;
    this.#refusedAt.set(executionId, result.storedThrough);
    if (isRepeated || firstSeq - result.storedThrough > LIVE_REWIND_LINES) {
      // if the execution is locked, the next page of it will be refused in the same way
      if (!(await this.#unlessLocked(() => markGap(this.#deps.database, this.#deps.session, executionId, true))))
        return;
      await this.#recomputeByExecution(executionId);
    }
  }

  async #recomputeByExecution(executionId: string): Promise<void> {
    const execution = await this.#deps.persist(() =>
      this.#deps.database.execution.findUnique({ where: { id: executionId }, select: { attemptId: true } }),
    );
    if (execution?.attemptId != null) await this.#recompute(execution.attemptId);
  }

  /** If the attempt is locked, this is done later: the pages behind must not wait for it. */
  async #recompute(attemptId: string): Promise<void> {
    const done = await this.#unlessLocked(() => recomputeAttempt(this.#deps.database, attemptId));
    if (done?.result) this.#deps.recomputed(done.result);
    if (done || this.#deps.isStopped()) return;
    setTimeout(() => {
      if (!this.#deps.isStopped()) this.#recompute(attemptId).catch((error: unknown) => this.#deps.failed(error));
    }, LOCKED_RETRY_MS).unref();
  }

  /** @returns what was written; undefined if another transaction has locked it */
  #unlessLocked<T>(write: () => Promise<T>): Promise<{ result: T } | undefined> {
    return this.#deps.persist(async () => {
      try {
        return { result: await write() };
      } catch (error) {
        if (isLocked(error)) return undefined;
        throw error;
      }
    });
  }

  /** Tells the node up to which line the hive has the execution's log. */
  acknowledge(executionId: string, logEpoch: number, storedThrough: number): void {
    this.#deps.send({
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
    this.#deps.send({
      type: 'log_refused',
      data: { execution_id: executionId, first_seq: firstSeq, stored_through: storedThrough, code },
    });
  }
}
