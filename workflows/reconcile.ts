import { isCancellation, patched, proxyActivities } from '@temporalio/workflow';
import type { Compacted } from '../activities/compact-logs.js';
import type { Indexed } from '../activities/index-logs.js';
import type { HiveActivities, SweepPage } from '../activities/hive-activities.js';
import type { TendedWebhooks } from '../activities/webhooks/tend-webhooks.js';

const { resetStaleBackfills, drainConnectedNodes, tendWebhooks, compactLogs, indexLogs } =
  proxyActivities<HiveActivities>({
    startToCloseTimeout: '1 minute',
    // a part that fails for that long must leave the others some of the round's 10 minutes
    scheduleToCloseTimeout: '2 minutes',
    heartbeatTimeout: '20 seconds',
    retry: { initialInterval: '1 second', maximumInterval: '10 seconds', maximumAttempts: 5 },
  });

/** A sweep that takes longer ends, and the next round begins with it again. */
const SWEEP_MS = 120_000;

export interface Reconciled {
  reset: number;
  drained: number;
  compacted: Compacted;
  /** Absent where the round was begun by hives that knew no webhooks, and where there was nothing to do. */
  webhooks?: TendedWebhooks;
  /** Absent in rounds that began before there was a search. */
  indexed?: Indexed;
  /** Attempts and nodes for which it did not work; the hive's log names them. Absent if there are none. */
  failed?: number;
}

/**
 * The schedule's round: frees attempts whose backfill has died, drains connected nodes that have attempts to backfill,
 * looks after webhooks, then joins small log pages and indexes them for search, each for a few seconds. Each of these is
 * done even if one before it fails.
 * @throws the first failure, after everything was tried
 */
export async function reconcile(): Promise<Reconciled> {
  const failures: unknown[] = [];
  const alone = async <T>(part: Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await part;
    } catch (error) {
      if (isCancellation(error) || !patched('parts-of-reconcile-fail-alone')) throw error;
      failures.push(error);
      return otherwise;
    }
  };
  const nothing = { changed: 0, failed: 0 };
  const reset = await alone(sweep(resetStaleBackfills), nothing);
  const drained = await alone(sweep(drainConnectedNodes), nothing);
  const webhooks = patched('tends-webhooks') ? await alone(tendWebhooks(), undefined) : undefined;
  const compacted = await alone(compactLogs(), { executions: 0, pagesBefore: 0, pagesAfter: 0 });
  const indexed = patched('index-logs')
    ? await alone(indexLogs(), { executions: 0, pages: 0, unfiltered: 0 })
    : undefined;
  if (failures.length > 0) throw failures[0];
  const failed = reset.failed + drained.failed;
  return {
    reset: reset.changed,
    drained: drained.changed,
    compacted,
    ...(webhooks && isAny(webhooks) && { webhooks }),
    ...(indexed && { indexed }),
    ...(failed > 0 && { failed }),
  };
}

const isAny = (counts: TendedWebhooks) => Object.values(counts).some((count: number) => count > 0);

async function sweep(activity: (after: string | undefined) => Promise<SweepPage>) {
  const until = Date.now() + SWEEP_MS;
  const swept = { changed: 0, failed: 0 };
  let after: string | undefined;
  do {
    const page = await activity(after);
    swept.changed += page.changed;
    swept.failed += page.failed ?? 0;
    after = page.next;
  } while (after !== undefined && (Date.now() < until || !patched('sweeps-end-in-time')));
  return swept;
}
