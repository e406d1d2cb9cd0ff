/**
 * When a connected node's attempts need a backfill: asks for its drain, a little later and once for many changes. When
 * thousands of nodes come back at once, their drains begin one after the other: backfills that wait too long for a slot
 * of this hive ask for it again and again, and cost a multiple of what they do.
 */
import { availableParallelism } from 'node:os';
import type { Logger } from 'pino';
import type { Database } from '../../prisma/client.js';
import { listNeedingBackfill } from '../../prisma/queries/list-needing-backfill.js';
import { stillToDrain } from '../../prisma/queries/still-to-drain.js';

export type SignalDrain = (node: DrainedNode) => Promise<void>;

export interface DrainedNode {
  nodeId: string;
  organizationId: string;
}

/** A change is often followed by what describes it, or by the live pages that close its gap. */
const CHANGE_DELAY_MS = 500;
/**
 * Drains that this hive has asked for and that are not through. Each has several backfills at once, so that few of them
 * keep every core busy; with 25 a core a storm took up to twice as long as with 6 (npm run bench fan-in).
 */
const OPEN_DRAINS = 6 * availableParallelism();
/** Calls to Temporal at once: each has its deadline. */
const SIGNALS_AT_ONCE = 8;
/** How often open drains are looked at while others wait. */
const LOOK_MS = 100;
/** A drain that takes longer no longer keeps others waiting. */
const OPEN_FOR_MS = 20_000;

export class DrainRequests {
  readonly #timers = new Map<string, NodeJS.Timeout>();
  /** Nodes that have announced what they have; before, the hive does not know. */
  readonly #announced = new WeakSet<DrainedNode>();
  /** In the order of their turns. */
  readonly #due = new Map<string, DrainedNode>();
  /** Nodes whose drain was asked for, with until when it counts. */
  readonly #open = new Map<string, number>();
  #signals = 0;
  #look: NodeJS.Timeout | undefined;

  constructor(
    private readonly database: Database,
    private readonly logger: Logger,
    private readonly signal: SignalDrain,
  ) {}

  /** @param session the node's session: a new one has to announce again */
  request(session: DrainedNode, reason: 'announced' | 'change'): void {
    if (reason === 'announced') this.#announced.add(session);
    if (!this.#announced.has(session) || this.#timers.has(session.nodeId)) return;
    const timer = setTimeout(
      () => {
        this.#timers.delete(session.nodeId);
        this.#due.set(session.nodeId, session);
        this.#next();
      },
      reason === 'announced' ? 0 : CHANGE_DELAY_MS,
    );
    this.#timers.set(session.nodeId, timer);
  }

  stop(): void {
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

  async #drain({ nodeId, organizationId }: DrainedNode): Promise<void> {
    try {
      const [first] = await listNeedingBackfill(this.database, nodeId, undefined, 1);
      if (!first) return;
      this.#open.set(nodeId, Date.now() + OPEN_FOR_MS);
      await this.signal({ nodeId, organizationId });
    } catch (error) {
      this.logger.warn({ err: error, nodeId }, 'drain not started; the schedule will');
    }
  }

  async #lookAtOpen(): Promise<void> {
    try {
      const open = new Set(await stillToDrain(this.database, [...this.#open.keys()]));
      for (const [nodeId, until] of this.#open) {
        if (!open.has(nodeId) || until < Date.now()) this.#open.delete(nodeId);
      }
    } catch (error) {
      this.logger.debug({ err: error }, 'drains can not be looked at now; trying again');
    }
    this.#look = undefined;
    this.#next();
  }
}
