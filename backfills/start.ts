/** Starts, joins and signals workflows from the outside. Workflow code must not import this. */
import {
  type Client,
  type WorkflowClient,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import {
  backfillOptions,
  backfillWorkflowId,
  drainSignal,
  drainWorkflowId,
  expediteSignal,
  HIVE_TASK_QUEUE,
  searchAttributes,
  TRIGGER_PRIORITY,
  type BackfillAttempt,
  type BackfillInput,
  type DrainInput,
  type DrainNode,
  type Trigger,
} from './definitions.js';

export interface StartedBackfill {
  workflowId: string;
  runId: string;
  /** Whether a backfill of the attempt was already running; the ids are then of that one. */
  joined: boolean;
}

/** How often a start is tried again because the backfill that it was to join has just ended. */
const START_TRIES = 3;
/**
 * How long all runs of a backfill may take together. What is stored stays stored, and the schedule has another one go
 * on from there, so that this only ends what makes no progress: workflow code that fails again and again.
 */
const BACKFILL_TIMEOUT = '24 hours';

/**
 * Starts a backfill of the attempt, or joins and expedites the one that is running.
 * @throws what Temporal's client throws if the server can't be reached
 */
export async function startBackfill(client: Client, input: BackfillInput): Promise<StartedBackfill> {
  const workflowId = backfillWorkflowId(input.attemptId);
  for (let tries = 1; ; tries++) {
    const runId = await startUnlessRunning(client, input);
    if (runId !== undefined) return { workflowId, runId, joined: false };
    const isRunning = await expedite(client.workflow, workflowId);
    if (!isRunning && tries < START_TRIES) continue; // it has just ended, perhaps without seeing what is wanted now
    return { workflowId, runId: (await client.workflow.getHandle(workflowId).describe()).runId, joined: true };
  }
}

/**
 * Starts a backfill of the attempt, unless one is running.
 * @returns its run id; undefined if one is already running
 * @throws what Temporal's client throws if the server can't be reached
 */
export async function startUnlessRunning(client: Client, input: BackfillInput): Promise<string | undefined> {
  try {
    const handle = await client.workflow.start<BackfillAttempt>('backfillAttempt', {
      ...backfillOptions(input),
      workflowId: backfillWorkflowId(input.attemptId),
      taskQueue: HIVE_TASK_QUEUE,
      workflowExecutionTimeout: BACKFILL_TIMEOUT,
      requestEagerStart: true, // its first task comes with the answer if this process polls the queue
      args: [input],
    });
    return handle.firstExecutionRunId;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return undefined;
    throw error;
  }
}

/** @returns whether it was running */
async function expedite(workflows: WorkflowClient, workflowId: string): Promise<boolean> {
  try {
    await workflows.getHandle(workflowId).signal(expediteSignal, { joins: true });
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

/** Tells the node's drain that attempts may need a backfill, and starts the drain if it is not running. */
export async function signalDrain(client: Client, input: DrainInput, trigger: Trigger): Promise<void> {
  await client.workflow.signalWithStart<DrainNode, [{ trigger: Trigger }]>('drainNode', {
    workflowId: drainWorkflowId(input.nodeId),
    taskQueue: HIVE_TASK_QUEUE,
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
