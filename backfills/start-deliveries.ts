/** Gives what waits for webhooks to workflows. */
import pLimit from 'p-limit';
import type { Queryable } from '../prisma/database.js';
import { handOverSubjects, takeBack, type WebhookSubject } from '../prisma/queries/webhooks/hand-over.js';
import { eventSignal, searchAttributes, type DeliverWebhook } from './definitions.js';
import type { InstallationClient } from './installation.js';
import type { TemporalCaller, TemporalDoor } from './temporal-door.js';

/** Subjects of one round. Each is a call to Temporal. */
const A_ROUND = 100;
const STARTS_AT_ONCE = 8;
/**
 * How long the runs of a delivery may take together: longer than an event is tried. What is left is handed over again,
 * so that this only ends what makes no progress.
 */
const DELIVERY_TIMEOUT = '2 days';

export interface StartedDeliveries {
  /** Attempts and nodes for whose webhooks a workflow was started or told. */
  started: number;
  /** Of those that failed, the first error. */
  failure?: Error;
}

/**
 * Starts a workflow for each attempt and node that has events waiting, or tells the one that runs. What fails is taken
 * back, for the next round.
 */
export async function startDeliveries(
  { database, temporal }: { database: Queryable; temporal: TemporalDoor },
  caller: TemporalCaller,
): Promise<StartedDeliveries> {
  const subjects = await handOverSubjects(database, A_ROUND);
  if (subjects.length === 0) return { started: 0 };
  const limit = pLimit(STARTS_AT_ONCE);
  const start = (subject: WebhookSubject) => temporal.call(caller, (client) => signalDelivery(client, subject));
  const results = await Promise.allSettled(subjects.map((subject) => limit(start, subject)));
  const failed = subjects.filter((_, index) => results[index]?.status === 'rejected');
  if (failed.length === 0) return { started: subjects.length };
  await takeBack(database, failed);
  const reason: unknown = results.find((result) => result.status === 'rejected')?.reason;
  const failure = reason instanceof Error ? reason : new Error('a delivery was not started', { cause: reason });
  return { started: subjects.length - failed.length, failure };
}

/** Starts the workflow that delivers the subject's events, or tells the running one to look again. */
export async function signalDelivery(client: InstallationClient, subject: WebhookSubject): Promise<void> {
  const { webhookId, subjectId, organizationId } = subject;
  await client.workflow.signalWithStart<DeliverWebhook>('deliverWebhook', {
    workflowId: client.names.webhookId(webhookId, subjectId),
    taskQueue: client.names.queue,
    workflowExecutionTimeout: DELIVERY_TIMEOUT,
    args: [{ webhookId, subjectId, organizationId }],
    signal: eventSignal,
    typedSearchAttributes: [{ key: searchAttributes.organizationId, value: organizationId }],
    priority: { priorityKey: 5, fairnessKey: organizationId },
    staticSummary: `webhook ${webhookId}`,
  });
}
