import type { HiveAnswerV1, TaskSyncV1 } from '../../protocol/v1/frames.js';

const STATUSES = new Set(['todo', 'inprogress', 'in-progress', 'inreview', 'in-review', 'done', 'cancelled']);
/** The field is not optional in the original's answer. */
const NIL_UUID = '00000000-0000-0000-0000-000000000000';

/** The answer to a task that can't be stored; undefined: it can. */
export function refuseTask({ local_task_id, status }: TaskSyncV1): HiveAnswerV1 | undefined {
  if (STATUSES.has(status)) return undefined;
  const data = { local_task_id, shared_task_id: NIL_UUID, success: false, error: `invalid task status: ${status}` };
  return { type: 'task_sync_response', data };
}
