import {
  allHandlersFinished,
  continueAsNew,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { HiveActivities } from '../activities/hive-activities.js';
import { drainSignal, type DrainInput, type DrainPosition } from '../backfills/definitions.js';

const { drainStep } = proxyActivities<HiveActivities>({
  startToCloseTimeout: '30 seconds',
  heartbeatTimeout: '10 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
});

const START: DrainPosition = { isListed: false, running: [] };
/** The maximum number of further passes for attempts that another backfill occupied. */
const MAX_REVISITS = 5;

/**
 * Backfills all attempts of one node that need it, newest first, a limited number at a time. One pass visits each
 * attempt once; a signal that arrives after the pass has started leads to another pass. When the node is no longer
 * connected, the pass ends: the node's next session, or reconcile, starts the drain again.
 */
export async function drainNode(input: DrainInput): Promise<{ started: number }> {
  const { nodeId, organizationId, nodeTimeoutSeconds, concurrency } = input;
  let { position = START, trigger = 'reconnect', started = 0, isSignalled = false, occupied = 0, revisits = 0 } = input;
  setHandler(drainSignal, (signal) => {
    trigger = signal.trigger;
    isSignalled = true;
  });
  // the first pass answers the signal that started the run
  if (!input.position) isSignalled = false;
  for (;;) {
    const step = await drainStep({ ...position, nodeId, organizationId, nodeTimeoutSeconds, concurrency, trigger });
    position = step.position;
    started += step.started;
    occupied = step.isOffline ? 0 : occupied + step.occupied;
    const now = step.isOffline ? 'the node is not connected' : `${position.running.length} backfills running`;
    setCurrentDetails(`${now}, ${started} started`);
    if ((workflowInfo().continueAsNewSuggested || isRunOld()) && allHandlersFinished()) {
      await continueAsNew<typeof drainNode>({ ...input, position, trigger, started, isSignalled, occupied, revisits });
    }
    if (!position.isListed || position.running.length > 0) continue;
    if (!isSignalled && (occupied === 0 || revisits++ >= MAX_REVISITS) && allHandlersFinished()) return { started };
    position = START;
    isSignalled = false;
    occupied = 0;
  }
}

/** @returns whether so much of the run's time is up that another run should go on, long before the time ends this one */
function isRunOld(): boolean {
  const { runTimeoutMs, runStartTime } = workflowInfo();
  return runTimeoutMs !== undefined && Date.now() - runStartTime.getTime() > runTimeoutMs / 3;
}
