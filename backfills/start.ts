/** Starts, joins and signals workflows from the outside. Workflow code must not import this. */
import {
  type WorkflowClient,
  type WorkflowOptions,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import {
  backfillOptions,
  drainSignal,
  expediteSignal,
  searchAttributes,
  TRIGGER_PRIORITY,
  type BackfillAttempt,
  type BackfillInput,
  type DrainInput,
  type DrainNode,
  type Trigger,
} from './definitions.js';
import type { InstallationClient } from './installation.js';

export interface StartedBackfill {
  workflowId: string;
  runId: string;
  /** Whether a backfill of the attempt was already running; the ids are then of that one. */
  joined: boolean;
}

/**
 * Starts a backfill of the attempt, or joins and expedites the one that is running.
 * @throws what Temporal's client throws if the server can't be reached
 */
export async function startBackfill(client: InstallationClient, input: BackfillInput): Promise<StartedBackfill> {
  const workflowId = client.names.backfillId(input.attemptId);
  const runId = await startUnlessRunning(client, input);
  if (runId !== undefined) return { workflowId, runId, joined: false };
  return { workflowId, runId: await expedite(client.workflow, workflowId), joined: true };
}

/**
 * Starts a backfill of the attempt, unless one is running.
 * @returns its run id; undefined if one is already running
 * @throws what Temporal's client throws if the server can't be reached
 */
export async function startUnlessRunning(
  client: InstallationClient,
  input: BackfillInput,
): Promise<string | undefined> {
  try {
    const handle = await client.workflow.start<BackfillAttempt>('backfillAttempt', {
      ...backfillOptions(input),
      workflowId: client.names.backfillId(input.attemptId),
      taskQueue: client.names.queue,
      requestEagerStart: true, // its first task comes with the answer if this process polls the queue
      args: [input],
    });
    return handle.firstExecutionRunId;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return undefined;
    throw error;
  }
}

/** @returns the run id of the running backfill, or of the one that has just ended */
async function expedite(workflows: WorkflowClient, workflowId: string): Promise<string> {
  const handle = workflows.getHandle(workflowId);
  try {
    await handle.signal(expediteSignal);
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error; // it ended in between, so its result is what was wanted
  }
  return (await handle.describe()).runId;
}

/**
 * Bounds of a drain. What it leaves undone is left to the next one, since the database knows what needs a backfill. A
 * run continues as new long before its time is up. One that can't, because its tasks fail (say, under older code), ends
 * by it: until then, every request for a drain of the node only signals it.
 */
const DRAIN_BOUNDS = { workflowRunTimeout: '15 minutes', workflowExecutionTimeout: '1 day' } as const;

/**
 * Tells the node's drain that attempts may need a backfill, and starts the drain if it is not running.
 * @param bounds of a drain that this starts
 */
export async function signalDrain(
  client: InstallationClient,
  input: DrainInput,
  trigger: Trigger,
  bounds: Pick<WorkflowOptions, 'workflowRunTimeout' | 'workflowExecutionTimeout'> = DRAIN_BOUNDS,
): Promise<void> {
  await client.workflow.signalWithStart<DrainNode, [{ trigger: Trigger }]>('drainNode', {
    ...bounds,
    workflowId: client.names.drainId(input.nodeId),
    taskQueue: client.names.queue,
    args: [input],
    signal: drainSignal,
    signalArgs: [{ trigger }],
    typedSearchAttributes: [
      { key: searchAttributes.nodeId, value: input.nodeId },
      { key: searchAttributes.organizationId, value: input.organizationId },
      { key: searchAttributes.trigger, value: trigger },
    ],
    priority: { priorityKey: TRIGGER_PRIORITY[trigger], fairnessKey: input.nodeId },
    staticSummary: `drain of node ${input.nodeId}`,
  });
}
