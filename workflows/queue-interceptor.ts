/**
 * A workflow that was started by hives of an older version goes on at a hive of this one, on the queue on which it was
 * started. What it asks for from then on goes to this version's queue, because hives of the older version may still
 * poll its own, and don't know what is new.
 */
import { workflowInfo, type WorkflowInterceptors } from '@temporalio/workflow';
import { toCurrentQueue } from '../backfills/definitions.js';

export function interceptors(): WorkflowInterceptors {
  return {
    outbound: [
      {
        scheduleActivity(input, next) {
          const taskQueue = input.options.taskQueue ?? toCurrentQueue(workflowInfo().taskQueue);
          return next({ ...input, options: { ...input.options, taskQueue } });
        },
        continueAsNew(input, next) {
          const taskQueue = toCurrentQueue(input.options.taskQueue ?? workflowInfo().taskQueue);
          return next({ ...input, options: { ...input.options, taskQueue } });
        },
      },
    ],
  };
}
