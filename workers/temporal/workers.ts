import { fileURLToPath } from 'node:url';
import { Worker, type NativeConnection } from '@temporalio/worker';
import { createGatewayActivities, type GatewayActivityDeps } from '../../activities/gateway-activities.js';
import { createHiveActivities, type HiveActivityDeps } from '../../activities/hive-activities.js';
import { HIVE_TASK_QUEUE } from '../../backfills/definitions.js';

const BUNDLE = fileURLToPath(new URL('../../workflows/bundle.cjs', import.meta.url));
/** How long an activity may still run after it was told to stop. */
const SHUTDOWN_GRACE = '10 seconds';
/** The maximum number of backfill steps at once in a hive process: each keeps a few pages in memory. */
const MIRROR_STEPS = 40;
const READER_MIRROR_STEPS = 20;

export interface WorkerDeps {
  connection: NativeConnection;
  namespace: string;
  hive: HiveActivityDeps;
  /** Absent in a process that has no sockets of nodes. */
  gateway?: GatewayActivityDeps;
}

/** Creates the workers of a hive process: for the shared queue, and for its own queues for what needs its sockets. */
export async function createWorkers({ connection, namespace, hive, gateway }: WorkerDeps): Promise<Worker[]> {
  const common = { connection, namespace, shutdownGraceTime: SHUTDOWN_GRACE };
  const workers = [
    Worker.create({
      ...common,
      taskQueue: HIVE_TASK_QUEUE,
      workflowBundle: { codePath: BUNDLE },
      activities: createHiveActivities(hive),
    }),
  ];
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
