import {
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
  type Client,
  type ScheduleOptions,
} from '@temporalio/client';
import { HIVE_TASK_QUEUE } from '../../backfills/definitions.js';

export const RECONCILE_SCHEDULE_ID = 'reconcile';

/** Creates the reconcile schedule, or updates it to the configuration. */
export async function ensureReconcileSchedule(client: Client, intervalSeconds: number): Promise<void> {
  const options: ScheduleOptions = {
    scheduleId: RECONCILE_SCHEDULE_ID,
    spec: { intervals: [{ every: intervalSeconds * 1000 }] },
    action: {
      type: 'startWorkflow',
      workflowType: 'reconcile',
      workflowId: RECONCILE_SCHEDULE_ID,
      taskQueue: HIVE_TASK_QUEUE,
      // ends a run that is stuck, so that it does not delay the later ones
      workflowExecutionTimeout: '10 minutes',
      args: [],
    },
    policies: { overlap: ScheduleOverlapPolicy.BUFFER_ONE, catchupWindow: '1 minute' },
  };
  try {
    await client.schedule.create(options);
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    const { spec, action, policies } = options;
    await client.schedule
      .getHandle(RECONCILE_SCHEDULE_ID)
      .update(({ state }) => ({ spec, action, ...(policies && { policies }), state }));
  }
}

/**
 * @returns the schedule, with a sentence if a person has paused it; undefined if the namespace has no such schedule
 */
export async function findReconcileSchedule(client: Client): Promise<{ whyPaused?: string } | undefined> {
  const handle = client.schedule.getHandle(RECONCILE_SCHEDULE_ID);
  try {
    const { state } = await handle.describe();
    if (!state.paused) return {};
    const note = state.note ? ` (${state.note})` : '';
    const command = `temporal schedule toggle --schedule-id ${handle.scheduleId} --unpause --reason …`;
    return { whyPaused: `the schedule ${handle.scheduleId} is paused${note}; to let it go on: ${command}` };
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return undefined;
    throw error;
  }
}
