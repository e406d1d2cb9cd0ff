/** Up to which operation each node has been told that the hive has its log of operations. */
import { LRUCache } from 'lru-cache';

const MAX_NODES = 10_000;

/**
 * The hive stores no operations; it only keeps nodes from sending them again. What it has told a node never goes back,
 * in whatever order batches come (a node sends old ones again when it is asked to), and across its connections to this
 * process.
 */
export class OpAcks {
  readonly #told = new LRUCache<string, number>({ max: MAX_NODES });

  /** @returns what to acknowledge after a batch with these operations */
  take(nodeId: string, ops: { seq: number }[]): number {
    const through = ops.reduce((highest, { seq }) => Math.max(highest, seq), this.#told.get(nodeId) ?? 0);
    this.#told.set(nodeId, through);
    return through;
  }
}
