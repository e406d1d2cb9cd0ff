import { fileURLToPath } from 'node:url';
import { Worker, type NativeConnection, type WorkerOptions } from '@temporalio/worker';
import { createGatewayActivities, type GatewayActivityDeps } from '../../activities/gateway-activities.js';
import { createHiveActivities, type HiveActivityDeps } from '../../activities/hive-activities.js';
import { createWebhookActivities, type WebhookActivityDeps } from '../../activities/webhooks/webhook-activities.js';
import type { InstallationNames } from '../../backfills/installation.js';

const BUNDLE = fileURLToPath(new URL('../../workflows/bundle.cjs', import.meta.url));
/** How long an activity may still run after it was told to stop. */
const SHUTDOWN_GRACE = '10 seconds';
/** The maximum number of backfill steps at once in a hive process: each keeps a few pages in memory. */
const MIRROR_STEPS = 40;
const READER_MIRROR_STEPS = 20;
/** The maximum number of requests to webhooks at once in a process. Each webhook has a bound of its own besides. */
const WEBHOOK_REQUESTS = 40;
/** What the former version's hives have left is little: a worker with few slots, polls and cached workflows ends it. */
const FEW: Partial<WorkerOptions> = {
  maxConcurrentWorkflowTaskExecutions: 4,
  maxConcurrentActivityTaskExecutions: 4,
  maxConcurrentLocalActivityExecutions: 4,
  workflowTaskPollerBehavior: { type: 'simple-maximum', maximum: 2 },
  activityTaskPollerBehavior: { type: 'simple-maximum', maximum: 1 },
  maxCachedWorkflows: 10,
};

export interface WorkerDeps {
  connection: NativeConnection;
  namespace: string;
  names: InstallationNames;
  hive: HiveActivityDeps;
  /** Whom webhooks may be. */
  webhooks: WebhookActivityDeps['webhooks'];
  /** Absent in a process that has no sockets of nodes. */
  gateway?: GatewayActivityDeps;
}

/**
 * Creates the workers of a hive process: for the shared queue, for that of webhooks, for that of the version before, and
 * for its own queues for what needs its sockets.
 */
export async function createWorkers(deps: WorkerDeps): Promise<Worker[]> {
  const { connection, namespace, names, hive, webhooks, gateway } = deps;
  const common = { connection, namespace, shutdownGraceTime: SHUTDOWN_GRACE };
  const shared = { ...common, workflowBundle: { codePath: BUNDLE }, activities: createHiveActivities(hive) };
  const { queue: sharedQueue, formerQueue } = names;
  const workers = [Worker.create({ ...shared, taskQueue: sharedQueue })];
  workers.push(
    Worker.create({
      ...common,
      taskQueue: names.webhookQueue,
      activities: createWebhookActivities({ ...hive, webhooks }),
      maxConcurrentActivityTaskExecutions: WEBHOOK_REQUESTS,
      activityTaskPollerBehavior: { type: 'simple-maximum', maximum: 2 },
    }),
  );
  if (formerQueue !== undefined) workers.push(Worker.create({ ...shared, ...FEW, taskQueue: formerQueue }));
  if (gateway) {
    const activities = createGatewayActivities(gateway);
    const { queue } = gateway.gateway;
    workers.push(
      Worker.create({ ...common, taskQueue: queue, activities, maxConcurrentActivityTaskExecutions: MIRROR_STEPS }),
      Worker.create({
        ...common,
        taskQueue: `${queue}-read`,
        activities,
        maxConcurrentActivityTaskExecutions: READER_MIRROR_STEPS,
      }),
    );
  }
  return allOrNone(workers);
}

/**
 * A worker that was created but never ran keeps its queue and its connection: if one can't be created, the others
 * end.
 */
async function allOrNone(creations: Promise<Worker>[]): Promise<Worker[]> {
  const results = await Promise.allSettled(creations);
  const made = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = results.find((result) => result.status === 'rejected');
  if (!failed) return made;
  await Promise.all(made.map((worker) => worker.runUntil(Promise.resolve())));
  throw failed.reason;
}
