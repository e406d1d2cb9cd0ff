import {
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
  type ScheduleDescription,
  type ScheduleOptions,
} from '@temporalio/client';
import { InstallationNames, type InstallationClient } from '../../backfills/installation.js';

/**
 * Another installation in the namespace has the same name. Workers must not start: the two would take each other's
 * workflows.
 */
export class InstallationConflictError extends Error {
  override readonly name = 'InstallationConflictError';
  readonly code = 'installation_conflict';
  constructor(client: InstallationClient, owner: string) {
    const { installation, names, options } = client;
    const id = names.reconcileScheduleId;
    super(
      `in namespace ${options.namespace} another installation (${owner}, this one is ${installation.id}) ` +
        `${installation.name === '' ? 'has no name either' : `is also named ${installation.name}`}: ` +
        'set HIVE_INSTALLATION to a name of its own for every hive and worker of this database. If the other database is ' +
        `gone for good, run: temporal schedule delete --namespace ${options.namespace} --schedule-id ${id}`,
    );
  }
}

/**
 * Creates the reconcile schedule, or updates it to the configuration.
 * @throws InstallationConflictError if the schedule belongs to another installation; it is left as it is
 */
export async function ensureReconcileSchedule(client: InstallationClient, intervalSeconds: number): Promise<void> {
  const { names, installation } = client;
  const options: ScheduleOptions = {
    scheduleId: names.reconcileScheduleId,
    spec: { intervals: [{ every: intervalSeconds * 1000 }] },
    action: {
      type: 'startWorkflow',
      workflowType: 'reconcile',
      workflowId: names.reconcileScheduleId,
      taskQueue: names.queue,
      // ends a run that is stuck, so that it does not delay the later ones
      workflowExecutionTimeout: '10 minutes',
      args: [],
      memo: { installation: installation.id }, // a schedule's own memo can't be changed later
    },
    policies: { overlap: ScheduleOverlapPolicy.BUFFER_ONE, catchupWindow: '1 minute' },
  };
  try {
    await client.schedule.create(options);
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    const { spec, action, policies } = options;
    await client.schedule.getHandle(options.scheduleId).update((current) => {
      const owner = ownerOf(current);
      if (owner !== undefined && owner !== installation.id) throw new InstallationConflictError(client, owner);
      return { spec, action, ...(policies && { policies }), state: current.state };
    });
  }
}

/**
 * @returns the schedule, with a sentence if a person has paused it; undefined if the namespace has no such schedule
 */
export async function findReconcileSchedule(client: InstallationClient): Promise<{ whyPaused?: string } | undefined> {
  const handle = client.schedule.getHandle(client.names.reconcileScheduleId);
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

/** Removes the schedule that the installation had under another name. */
export async function removeFormerSchedule(client: InstallationClient, formerName: string): Promise<void> {
  const id = new InstallationNames({ name: formerName }).reconcileScheduleId;
  if (id === client.names.reconcileScheduleId) return;
  const handle = client.schedule.getHandle(id);
  try {
    if (ownerOf(await handle.describe()) === client.installation.id) await handle.delete();
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  }
}

/** @returns the id of the installation that has the schedule; undefined if a hive made it that knew no installations */
function ownerOf({ action }: Pick<ScheduleDescription, 'action'>): string | undefined {
  const owner = action.memo?.['installation'];
  return typeof owner === 'string' ? owner : undefined;
}
