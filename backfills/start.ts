/** Starts, joins and signals workflows from the outside. Workflow code must not import this. */
import { type WorkflowOptions, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import {
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
import { wasRunning } from './find.js';
import { drainSummary, labelledOptions } from './labels.js';
import type { AttemptLabels } from '../prisma/queries/list-needing-backfill.js';
import type { InstallationClient } from './installation.js';

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
export async function startBackfill(
  client: InstallationClient,
  input: BackfillInput,
  labels?: AttemptLabels,
): Promise<StartedBackfill> {
  const workflowId = client.names.backfillId(input.attemptId);
  for (let tries = 1; ; tries++) {
    const runId = await startUnlessRunning(client, input, labels);
    if (runId !== undefined) return { workflowId, runId, joined: false };
    const isRunning = await wasRunning(client.workflow.getHandle(workflowId).signal(expediteSignal, { joins: true }));
    if (!isRunning && tries < START_TRIES) continue; // it has just ended, perhaps without seeing what is wanted now
    return { workflowId, runId: (await client.workflow.getHandle(workflowId).describe()).runId, joined: true };
  }
}

const NO_LABELS: AttemptLabels = { title: null, nodeName: null };

/**
 * Starts a backfill of the attempt, unless one is running.
 * @param labels are shown in the Temporal UI
 * @returns its run id; undefined if one is already running
 * @throws what Temporal's client throws if the server can't be reached
 */
export async function startUnlessRunning(
  client: InstallationClient,
  input: BackfillInput,
  labels: AttemptLabels = NO_LABELS,
): Promise<string | undefined> {
  try {
    const handle = await client.workflow.start<BackfillAttempt>('backfillAttempt', {
      ...labelledOptions(input, labels),
      workflowId: client.names.backfillId(input.attemptId),
      taskQueue: client.names.queue,
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

/**
 * Bounds of a drain. What it leaves undone is left to the next one, since the database knows what needs a backfill. A
 * run continues as new long before its time is up. One that can't, because its tasks fail (say, under older code), ends
 * by it: until then, every request for a drain of the node only signals it.
 */
const DRAIN_BOUNDS = { workflowRunTimeout: '15 minutes', workflowExecutionTimeout: '1 day' } as const;

/** Of a drain that a signal starts. */
export interface StartedDrain {
  /** Is shown in the Temporal UI. */
  nodeName?: string | null;
  bounds?: Pick<WorkflowOptions, 'workflowRunTimeout' | 'workflowExecutionTimeout'>;
}

/**
 * Tells the node's drain that attempts may need a backfill, and starts the drain if it is not running.
 */
export async function signalDrain(
  client: InstallationClient,
  input: DrainInput,
  trigger: Trigger,
  { nodeName = null, bounds = DRAIN_BOUNDS }: StartedDrain = {},
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
    staticSummary: drainSummary(input.nodeId, nodeName),
  });
}
