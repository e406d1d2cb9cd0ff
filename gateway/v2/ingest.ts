/**
 * Stores what a node sends unasked, in the order it came: metadata in batches of one transaction each, live pages
 * through log-ingest.ts.
 */
import { findDeletedAttempts } from '../../prisma/queries/deleted-attempts.js';
import { listExistingAttempts } from '../../prisma/queries/list-existing-attempts.js';
import { listRunningAttempts, type RunningAttempt } from '../../prisma/queries/list-running-attempts.js';
import { needBackfill } from '../../prisma/queries/need-backfill.js';
import { storeMetadata, type TakenIn } from '../../prisma/queries/store-metadata.js';
import { countCompleted } from '../../backfills/metrics.js';
import { isLocked, judgeDatabaseError } from '../../prisma/errors.js';
import { SupersededError } from '../../prisma/session.js';
import type { AttemptSync, ExecutionSync } from '../../protocol/frames.js';
import type { IngestEvents } from '../ingest-events.js';
import { IngestQueue, persist } from '../ingest-queue.js';
import type { LogPage } from '../interface.js';
import { LogIngestV2, type IngestSocket } from './log-ingest.js';

export type IngestItem =
  | { type: 'attempt_sync'; data: AttemptSync; bytes: number }
  | { type: 'execution_sync'; data: ExecutionSync; bytes: number }
  | { type: 'page'; page: LogPage; bytes: number }
  /** The node does not know the attempt or execution that the hive named. */
  | { type: 'unknown'; id: string; bytes: number }
  /** It is time to look again at what was locked. */
  | { type: 'locked'; bytes: 0 }
  /** The node has announced everything. Handled when everything before it is stored. */
  | { type: 'announced'; bytes: number };

export interface IngestDeps extends IngestSocket {
  events: IngestEvents;
}

type MetadataItem = Extract<IngestItem, { type: 'attempt_sync' | 'execution_sync' }>;

/** When to try again what another transaction had locked. */
const LOCKED_RETRY_MS = 250;

export class IngestV2 {
  readonly #deps: IngestDeps;
  readonly #logs: LogIngestV2;
  readonly #queue = new IngestQueue<IngestItem>({
    takeNext: () => this.#takeNext(),
    pressure: (high) => this.#deps.events.pressure(high),
    failed: (error) => this.#failed(error),
  });
  /** Metadata of attempts that another transaction had locked, in the order it came. */
  #locked: MetadataItem[] = [];
  #lockedTimer: NodeJS.Timeout | undefined;

  constructor(deps: IngestDeps) {
    this.#deps = deps;
    this.#logs = new LogIngestV2({
      ...deps,
      persist: (write) => this.#persist(write),
      isStopped: () => this.#queue.isStopped,
      failed: (error) => this.#notStored(error),
      recomputed: (sync) => {
        countCompleted([sync]);
        if (sync.state === 'complete') this.#acknowledgeSync(sync);
        if (sync.needsBackfill) deps.events.backfillNeeded('change');
      },
    });
  }

  add(item: IngestItem): void {
    this.#queue.add(item);
  }

  /** Drops what is queued. Resolves when nothing is being stored any more. */
  async stop(): Promise<void> {
    clearTimeout(this.#lockedTimer);
    this.#queue.stop();
    await this.#queue.idle();
    await this.#logs.idle();
  }

  /** The connection is closed in both cases, so what was queued will not be stored. */
  #failed(error: unknown): void {
    if (error instanceof SupersededError) this.#deps.events.superseded();
    else this.#deps.events.failed(error);
  }

  async #takeNext(): Promise<void> {
    const { first } = this.#queue;
    if (first?.type === 'page') {
      const batch = this.#queue.takeBatch();
      await this.#logs.add(first.page, () => this.#queue.release(batch));
      return;
    }
    await this.#logs.idle();
    if (this.#queue.isStopped) return;
    const batch = this.#queue.takeBatch();
    if (first?.type === 'attempt_sync' || first?.type === 'execution_sync' || first?.type === 'locked') {
      await this.#storeMetadata(batch.filter(isMetadata));
      return;
    }
    try {
      if (first?.type === 'announced') await this.#announced();
      else if (first?.type === 'unknown') await this.#unknownAtNode(first.id);
    } catch (error) {
      this.#notStored(error);
    }
    this.#queue.release(batch);
  }

  /** A fault of the database ends no socket: the node would only come back to the same database. */
  #notStored(error: unknown): void {
    if (judgeDatabaseError(error) === undefined) this.#queue.fail(error);
    else this.#deps.logger.error({ err: error, nodeId: this.#deps.session.nodeId }, 'a change could not be stored');
  }

  /** Stores new metadata behind what was locked, of which the rest is tried again soon. */
  async #storeMetadata(batch: MetadataItem[]): Promise<void> {
    const items = [...this.#locked, ...batch];
    if (items.length === 0) return;
    const locked = new Set(await this.#storeBatch(items));
    this.#locked = items.filter((item) => locked.has(item));
    this.#queue.release(items.filter((item) => !locked.has(item)));
    if (locked.size === 0 || this.#queue.isStopped) return;
    clearTimeout(this.#lockedTimer);
    this.#lockedTimer = setTimeout(() => this.#queue.add({ type: 'locked', bytes: 0 }), LOCKED_RETRY_MS).unref();
  }

  /**
   * Tells the node which attempts the hive believes to be running. A node whose store was restored from a backup may
   * not know or no longer run them, and the hive would never find out otherwise. Such a node sees from the revision
   * that the hive knows more, and then announces what it has, or says that it does not know the attempt.
   */
  async #announced(): Promise<void> {
    const running = await this.#persist(() => listRunningAttempts(this.#deps.database, this.#deps.session.nodeId));
    for (const attempt of running) this.#acknowledgeSync(attempt);
    this.#deps.events.backfillNeeded('announced');
  }

  /**
   * If the hive believes that it is running, a backfill finds out what became of it. An ended one may have been pruned.
   */
  async #unknownAtNode(id: string): Promise<void> {
    const running = await this.#persist(() => listRunningAttempts(this.#deps.database, this.#deps.session.nodeId));
    if (!running.some(({ attemptId }) => attemptId === id)) return;
    const sync = await this.#persist(() =>
      needBackfill(this.#deps.database, this.#deps.session, id).catch((error: unknown) => {
        if (isLocked(error)) return undefined; // the node says it again after its next login
        throw error;
      }),
    );
    if (sync?.needsBackfill) this.#deps.events.backfillNeeded('change');
  }

  /** @returns the items that another transaction has locked */
  async #storeBatch(batch: MetadataItem[]): Promise<MetadataItem[]> {
    const attempts = batch.flatMap((item) => (item.type === 'attempt_sync' ? [item.data] : []));
    const executions = batch.flatMap((item) => (item.type === 'execution_sync' ? [item.data] : []));
    let takenIn: TakenIn;
    try {
      takenIn = await this.#persist(() =>
        storeMetadata(this.#deps.database, this.#deps.session, { attempts, executions }),
      );
    } catch (error) {
      if (error instanceof SupersededError || this.#queue.isStopped) throw error;
      const locked: MetadataItem[] = [];
      // one that can't be stored must not affect the others
      if (batch.length > 1) for (const item of batch) locked.push(...(await this.#storeBatch([item])));
      else this.#refuse(batch[0], error);
      return locked;
    }
    countCompleted(takenIn.attempts);
    const isLockedNow = ({ data }: MetadataItem) => takenIn.locked.has(data.attempt_id);
    await this.#acknowledge(
      attempts.filter(({ attempt_id: id }) => !takenIn.locked.has(id)),
      executions.filter(({ attempt_id: id }) => !takenIn.locked.has(id)),
      takenIn,
    );
    return batch.filter(isLockedNow);
  }

  /** Only what the data itself causes is the node's fault. Anything else is ours: the node sends it again in a while. */
  #refuse(item: MetadataItem | undefined, error: unknown): void {
    if (!item) return;
    const id = item.type === 'attempt_sync' ? item.data.attempt_id : item.data.execution_id;
    this.#deps.logger.error({ err: error, id }, 'metadata could not be stored');
    if (judgeDatabaseError(error)?.kind === 'refused') this.#deps.fault(`${item.type}: can't be stored`, id);
  }

  async #acknowledge(attempts: AttemptSync[], executions: ExecutionSync[], takenIn: TakenIn): Promise<void> {
    const syncs = new Map(takenIn.attempts.map((sync) => [sync.attemptId, sync]));
    const stored = new Map(takenIn.executions.map((execution) => [execution.executionId, execution]));
    const isStored = (item: ExecutionSync) => stored.get(item.execution_id)?.attemptId === item.attempt_id;
    const isRefused = ({ attempt_id }: { attempt_id: string }) => !syncs.has(attempt_id);
    const deleted = await this.#deletedAttempts([...attempts, ...executions].filter(isRefused));
    const foreign = await this.#foreignAttempts(executions.filter((item) => !isStored(item) && isRefused(item)));
    for (const item of executions) {
      const { attempt_id, execution_id, revision } = item;
      const execution = stored.get(execution_id);
      if (execution && isStored(item))
        this.#logs.acknowledge(execution_id, execution.logEpoch, execution.storedThrough);
      else if (syncs.has(attempt_id))
        this.#deps.refuse({ attempt_id, execution_id, revision, code: 'execution_of_another_attempt' });
      else if (deleted.has(attempt_id)) this.#deps.refuse({ attempt_id, execution_id, revision, code: 'deleted' });
      else if (foreign.has(attempt_id))
        this.#deps.refuse({ attempt_id, execution_id, revision, code: 'belongs_to_another_node' });
      else this.#unknownAttempt(execution_id);
    }
    for (const { attempt_id, revision } of attempts) {
      const sync = syncs.get(attempt_id);
      if (sync) this.#acknowledgeSync(sync);
      else if (deleted.has(attempt_id)) this.#deps.refuse({ attempt_id, revision, code: 'deleted' });
      else this.#deps.refuse({ attempt_id, revision, code: 'belongs_to_another_node' });
    }
    for (const { attempt_id: id } of attempts) syncs.delete(id);
    for (const sync of syncs.values()) if (sync.state === 'complete') this.#acknowledgeSync(sync);
    if (takenIn.attempts.some((sync) => sync.needsBackfill)) this.#deps.events.backfillNeeded('change');
  }

  /** @returns the ids of those that were this node's and are deleted: it is told to forget them */
  async #deletedAttempts(refused: { attempt_id: string }[]): Promise<Set<string>> {
    if (refused.length === 0) return new Set();
    const { database, session } = this.#deps;
    const ids = refused.map((item) => item.attempt_id);
    return this.#persist(() => findDeletedAttempts(database, session, ids));
  }

  /** @returns the ids of those executions' attempts that another node has */
  async #foreignAttempts(refused: ExecutionSync[]): Promise<Set<string>> {
    if (refused.length === 0) return new Set();
    const ids = refused.map((execution) => execution.attempt_id);
    return this.#persist(() => listExistingAttempts(this.#deps.database, ids));
  }

  /** The hive has lost the attempt, or has never heard of it. The node announces it once more, and this is no fault. */
  #unknownAttempt(executionId: string): void {
    const error = 'execution_sync: attempt_id is not known for this node';
    this.#deps.send({ type: 'error', data: { message_id: executionId, error } });
  }

  /** Tries again while the database is away, until the queue is stopped. */
  #persist<T>(write: () => Promise<T>): Promise<T> {
    return persist(write, { logger: this.#deps.logger, shouldGiveUp: () => this.#queue.isStopped });
  }

  #acknowledgeSync({ attemptId, revision, state }: RunningAttempt): void {
    this.#deps.send({
      type: 'sync_ack',
      data: { attempt_id: attemptId, revision: Number(revision), sync_state: state },
    });
  }
}

function isMetadata(item: IngestItem): item is MetadataItem {
  return item.type === 'attempt_sync' || item.type === 'execution_sync';
}
