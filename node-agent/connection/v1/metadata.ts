/** What the store contains, as version 1's frames carry it. */
import type { AttemptSyncV1, ExecutionSyncV1 } from '../../../protocol/v1/frames.js';
import { attemptFields, executionFields, type AttemptRow, type ExecutionRow } from '../../store/rows.js';

/** An attempt that belongs to a shared task: version 1 knows no others. */
export type SharedAttempt = AttemptRow & { shared_task_id: string };

export function isShared(attempt: AttemptRow): attempt is SharedAttempt {
  return attempt.shared_task_id !== null;
}

export function attemptSyncV1(row: SharedAttempt): AttemptSyncV1 {
  return { ...attemptFields(row), assignment_id: null, shared_task_id: row.shared_task_id, executor_variant: null };
}

export function executionSyncV1(row: ExecutionRow): ExecutionSyncV1 {
  return executionFields(row);
}

/** @returns the frame as text: lines are stored in the form of its entries */
export function logsBatch(attempt: SharedAttempt, executionId: string, lines: readonly string[]): string {
  const head = { assignment_id: attempt.id, shared_task_id: attempt.shared_task_id, execution_process_id: executionId };
  return `{"type":"logs_batch","data":${JSON.stringify(head).slice(0, -1)},"entries":[${lines.join(',')}],"compressed":false}}`;
}
