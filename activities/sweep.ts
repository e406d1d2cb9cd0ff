/** The share of one activity in a sweep over many rows. */
import { Context } from '@temporalio/activity';

/** How many rows are handled at the same time: each asks Temporal, and one that does not answer holds up the others. */
const AT_ONCE = 8;
/** After this time no further row is begun. */
const SWEEP_MS = 30_000;
const HEARTBEAT_MS = 5000;

export interface Swept<Item> {
  /** How many of the first items were handled; the time was up for the rest. */
  done: number;
  /** For how many of them the handler returned true. */
  changed: number;
  failures: { item: Item; error: unknown }[];
}

/** Handles the items in their order, a few at a time. One that fails is reported and stops no other. */
export async function sweep<Item>(
  items: Item[],
  handle: (item: Item) => Promise<boolean>,
  sweepMs = SWEEP_MS,
): Promise<Swept<Item>> {
  const context = Context.current();
  const heartbeat = setInterval(() => context.heartbeat(), HEARTBEAT_MS);
  const until = performance.now() + sweepMs;
  const swept: Swept<Item> = { done: 0, changed: 0, failures: [] };
  try {
    while (swept.done < items.length && performance.now() < until) {
      const batch = items.slice(swept.done, swept.done + AT_ONCE);
      const results = await Promise.allSettled(batch.map(handle));
      for (const [index, item] of batch.entries()) {
        const result = results[index];
        if (result?.status === 'rejected') swept.failures.push({ item, error: result.reason });
        else if (result?.value) swept.changed++;
      }
      swept.done += batch.length;
    }
    return swept;
  } finally {
    clearInterval(heartbeat);
  }
}
