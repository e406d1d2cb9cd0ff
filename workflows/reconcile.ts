import { proxyActivities } from '@temporalio/workflow';
import type { Compacted } from '../activities/compact-logs.js';
import type { HiveActivities, SweepPage } from '../activities/hive-activities.js';

const { resetStaleBackfills, drainConnectedNodes, compactLogs } = proxyActivities<HiveActivities>({
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '20 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '10 seconds', maximumAttempts: 5 },
});

/**
 * The schedule's round: frees attempts whose backfill has died, drains connected nodes that have attempts to backfill,
 * then joins small log pages for a few seconds.
 */
export async function reconcile(): Promise<{ reset: number; drained: number; compacted: Compacted }> {
  return {
    reset: await sweep(resetStaleBackfills),
    drained: await sweep(drainConnectedNodes),
    compacted: await compactLogs(),
  };
}

async function sweep(activity: (after: string | undefined) => Promise<SweepPage>): Promise<number> {
  let changed = 0;
  let after: string | undefined;
  do {
    const page = await activity(after);
    changed += page.changed;
    after = page.next;
  } while (after !== undefined);
  return changed;
}
