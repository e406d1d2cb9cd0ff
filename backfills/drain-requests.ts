/**
 * When a connected node's attempts need a backfill: asks for its drain, a little later and once for many changes. When
 * thousands of nodes come back at once, they are drained one after the other: backfills that wait too long for a slot
 * of this hive ask for it again and again, and cost a multiple of what they do.
 */
import type { Logger } from 'pino';
import type { Database } from '../prisma/database.js';
import { listNeedingBackfill, stillToDrain } from '../prisma/queries/needing-backfill.js';
import type { ConnectedNode, NodeBackfills } from './node-backfills.js';

/** A change is often followed by what describes it, or by the live pages that close its gap. */
const CHANGE_DELAY_MS = 500;
/**
 * Drains that this hive has asked for and that are not through. Each has up to ten backfills at once, and a hive has slots
 * for forty steps of backfills: what goes beyond only waits, and asks for its slot again (npm run bench fan-in).
 */
const OPEN_DRAINS = 12;
/** So many backfills need no drain to bound them: where other nodes wait, they are spared the cost of its workflow. */
const FEW_ATTEMPTS = 4;
/** The schedule would come round as well, but for few nodes at a time. */
const RETRY_MS = 30_000;
/** Calls to Temporal at once: each has its deadline. */
const SIGNALS_AT_ONCE = 8;
/** How often open drains are looked at while others wait. */
const LOOK_MS = 100;
/** A drain that takes longer no longer keeps others waiting. */
const OPEN_FOR_MS = 10_000;

export class DrainRequests {
  readonly #database: Database;
  readonly #logger: Logger;
  readonly #backfills: NodeBackfills;
  readonly #retryMs: number;
  readonly #timers = new Map<string, NodeJS.Timeout>();
  /** Nodes that have announced what they have; before, the hive does not know. */
  readonly #announced = new WeakSet<ConnectedNode>();
  /** In the order of their turns. */
  readonly #due = new Map<string, ConnectedNode>();
  /** Nodes whose backfills were asked for, with until when it counts. */
  readonly #open = new Map<string, number>();
  #signals = 0;
  #isStopped = false;
  #look: NodeJS.Timeout | undefined;

  constructor(database: Database, logger: Logger, backfills: NodeBackfills, retryMs = RETRY_MS) {
    this.#database = database;
    this.#logger = logger;
    this.#backfills = backfills;
    this.#retryMs = retryMs;
  }

  /** @param session the node's session: a new one has to announce again */
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
    clearTimeout(this.#look);
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
    if (this.#due.size > 0) this.#look ??= setTimeout(() => void this.#lookAtOpen(), LOOK_MS);
  }

  async #drain(node: ConnectedNode): Promise<void> {
    const { nodeId } = node;
    // one whose drain may be running gets no backfills beside those
    const few = this.#open.has(nodeId) ? 0 : Math.min(FEW_ATTEMPTS, this.#backfills.concurrency);
    this.#open.set(nodeId, Date.now() + OPEN_FOR_MS);
    try {
      const attempts = await listNeedingBackfill(this.#database, nodeId, undefined, few + 1);
      if (attempts.length === 0) this.#open.delete(nodeId);
      else if (this.#due.size === 0 || attempts.length > few) await this.#backfills.drain(node);
      else await this.#startEach(node, attempts);
    } catch (error) {
      this.#open.delete(nodeId);
      this.#later(node, this.#retryMs);
      this.#logger.warn({ err: error, nodeId }, `backfills not started; trying again in ${this.#retryMs / 1000} s`);
    }
  }

  /** What has changed since a running backfill of an attempt began, only a drain looks at again. */
  async #startEach(node: ConnectedNode, attempts: { attemptId: string }[]): Promise<void> {
    let areRunning = false;
    for (const { attemptId } of attempts) {
      if (!(await this.#backfills.start(node, attemptId))) areRunning = true;
    }
    if (areRunning) await this.#backfills.drain(node);
  }

  async #lookAtOpen(): Promise<void> {
    try {
      const open = new Set(await stillToDrain(this.#database, [...this.#open.keys()]));
      for (const [nodeId, until] of this.#open) {
        if (!open.has(nodeId) || until < Date.now()) this.#open.delete(nodeId);
      }
    } catch (error) {
      this.#logger.debug({ err: error }, 'drains can not be looked at now; trying again');
    }
    this.#look = undefined;
    this.#next();
  }
}
