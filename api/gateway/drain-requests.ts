/** When a connected node's attempts need a backfill: asks for its drain, a little later and once for many changes. */
import type { Logger } from 'pino';
import type { Database } from '../../prisma/client.js';
import { listNeedingBackfill } from '../../prisma/queries/list-needing-backfill.js';

export type SignalDrain = (node: DrainedNode) => Promise<void>;

export interface DrainedNode {
  nodeId: string;
  organizationId: string;
}

/** A change is often followed by what describes it, or by the live pages that close its gap. */
const CHANGE_DELAY_MS = 500;

export class DrainRequests {
  readonly #timers = new Map<string, NodeJS.Timeout>();
  /** Nodes that have announced what they have; before, the hive does not know. */
  readonly #announced = new WeakSet<DrainedNode>();

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
        void this.#drain(session);
      },
      reason === 'announced' ? 0 : CHANGE_DELAY_MS,
    );
    this.#timers.set(session.nodeId, timer);
  }

  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  async #drain({ nodeId, organizationId }: DrainedNode): Promise<void> {
    try {
      const [first] = await listNeedingBackfill(this.database, nodeId, undefined, 1);
      if (first) await this.signal({ nodeId, organizationId });
    } catch (error) {
      this.logger.warn({ err: error, nodeId }, 'drain not started; the schedule will');
    }
  }
}
