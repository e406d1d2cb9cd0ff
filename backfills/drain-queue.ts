/**
 * Requests the drain of a connected node when its attempts need a backfill, with a short delay so that many changes
 * cause one request. When thousands of nodes come back at once, only a few of them are drained at a time: backfills
 * that wait too long for a slot of this hive ask for it again and again, which costs several times as much as their
 * work.
 */
import type { Logger } from 'pino';
import type { Database } from '../prisma/database.js';
import { listNeedingBackfill, stillToDrain, type AttemptLabels } from '../prisma/queries/list-needing-backfill.js';
import type { ConnectedNode, NodeBackfills } from './for-nodes.js';

/** A change is often followed by what describes it, or by the live pages that close its gap. */
const CHANGE_DELAY_MS = 500;
/**
 * The maximum number of drains that this hive has requested and that are not finished. Each runs up to ten backfills at
 * once, and a hive has slots for forty steps of backfills. More drains would only wait and ask for slots again (npm run
 * bench fan-in).
 */
const OPEN_DRAINS = 12;
/**
 * Up to this many backfills need no drain to limit them. While other nodes wait, they are started without its workflow.
 */
const FEW_ATTEMPTS = 4;
/**
 * The delay after a failure. The schedule would request the drain too, but it only does so for a few nodes at a time.
 */
const RETRY_MS = 30_000;
/** The maximum number of nodes for which Temporal is called at the same time, as each call has a short deadline. */
const SIGNALS_AT_ONCE = 8;
/** How often open drains are checked while other nodes wait. */
const LOOK_MS = 100;
/** A drain that takes longer than this no longer keeps others waiting. */
const OPEN_FOR_MS = 10_000;

export class DrainQueue {
  readonly #database: Database;
  readonly #logger: Logger;
  readonly #backfills: NodeBackfills;
  readonly #retryMs: number;
  readonly #openForMs: number;
  readonly #timers = new Map<string, NodeJS.Timeout>();
  /** Sessions in which the node has announced what it has. Before that, the hive does not know what is missing. */
  readonly #announced = new WeakSet<ConnectedNode>();
  /** Nodes that wait for their turn, in this order. */
  readonly #due = new Map<string, ConnectedNode>();
  /** Nodes with open drains, and until when each keeps others waiting, by the monotonic clock. @format ms */
  readonly #open = new Map<string, number>();
  #signals = 0;
  #isStopped = false;
  #lookTimer: NodeJS.Timeout | undefined;

  constructor(
    database: Database,
    logger: Logger,
    backfills: NodeBackfills,
    { retryMs = RETRY_MS, openForMs = OPEN_FOR_MS }: { retryMs?: number; openForMs?: number } = {},
  ) {
    this.#database = database;
    this.#logger = logger;
    this.#backfills = backfills;
    this.#retryMs = retryMs;
    this.#openForMs = openForMs;
  }

  /** A change is ignored until the node has announced. @param session a new session has to announce again */
  request(session: ConnectedNode, reason: 'announced' | 'change'): void {
    if (reason === 'change') {
      if (this.#announced.has(session)) this.#later(session, CHANGE_DELAY_MS);
      return;
    }
    this.#announced.add(session);
    clearTimeout(this.#timers.get(session.nodeId));
    this.#timers.delete(session.nodeId);
    this.#later(session, 0);
  }

  #later(node: ConnectedNode, delayMs: number): void {
    if (this.#isStopped || this.#timers.has(node.nodeId)) return;
    const timer = setTimeout(() => {
      this.#timers.delete(node.nodeId);
      this.#due.set(node.nodeId, node);
      this.#next();
    }, delayMs);
    this.#timers.set(node.nodeId, timer);
  }

  stop(): void {
    this.#isStopped = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    clearTimeout(this.#lookTimer);
    this.#timers.clear();
    this.#due.clear();
  }

  #next(): void {
    for (const [nodeId, node] of this.#due) {
      if (this.#signals >= SIGNALS_AT_ONCE) return;
      if (this.#open.size >= OPEN_DRAINS && !this.#open.has(nodeId)) break;
      this.#due.delete(nodeId);
      this.#signals++;
      void this.#drain(node).finally(() => {
        this.#signals--;
        this.#next();
      });
    }
    if (this.#due.size > 0) this.#lookTimer ??= setTimeout(() => void this.#lookAtOpen(), LOOK_MS);
  }

  async #drain(node: ConnectedNode): Promise<void> {
    const { nodeId } = node;
    // a node whose drain may be running gets no backfills besides those of the drain
    const few = this.#open.has(nodeId) ? 0 : Math.min(FEW_ATTEMPTS, this.#backfills.concurrency);
    this.#open.set(nodeId, performance.now() + this.#openForMs);
    try {
      const attempts = await listNeedingBackfill(this.#database, nodeId, undefined, few + 1);
      if (attempts.length === 0) this.#open.delete(nodeId);
      else if (this.#due.size === 0 || attempts.length > few) await this.#backfills.drain(node, attempts[0]?.nodeName);
      else await this.#startEach(node, attempts);
    } catch (error) {
      this.#open.delete(nodeId);
      this.#later(node, this.#retryMs);
      this.#logger.warn({ err: error, nodeId }, `backfills not started; trying again in ${this.#retryMs / 1000} s`);
    }
  }

  /** An attempt that has changed since its running backfill began is only looked at again by a drain. */
  async #startEach(node: ConnectedNode, attempts: ({ attemptId: string } & AttemptLabels)[]): Promise<void> {
    let areRunning = false;
    for (const attempt of attempts) {
      if (!(await this.#backfills.start(node, attempt))) areRunning = true;
    }
    if (areRunning) await this.#backfills.drain(node, attempts[0]?.nodeName);
  }

  async #lookAtOpen(): Promise<void> {
    try {
      const open = new Set(await stillToDrain(this.#database, [...this.#open.keys()]));
      for (const [nodeId, until] of this.#open) {
        if (!open.has(nodeId) || until < performance.now()) this.#open.delete(nodeId);
      }
    } catch (error) {
      this.#logger.debug({ err: error }, 'open drains could not be checked; trying again');
    }
    this.#lookTimer = undefined;
    this.#next();
  }
}
