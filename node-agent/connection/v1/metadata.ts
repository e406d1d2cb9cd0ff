/** Rows of the store as version 1's frames carry them. */
import type { AttemptSyncV1, ExecutionSyncV1 } from '../../../protocol/v1/frames.js';
import type { AttemptRow, ExecutionRow } from '../../store/rows.js';

/** An attempt that belongs to a shared task: version 1 knows no others. */
export type SharedAttempt = AttemptRow & { shared_task_id: string };

export function isShared(attempt: AttemptRow): attempt is SharedAttempt {
  return attempt.shared_task_id !== null;
}

export function attemptSyncV1(row: SharedAttempt): AttemptSyncV1 {
  return {
    attempt_id: row.id,
    assignment_id: null,
    shared_task_id: row.shared_task_id,
    executor: row.executor,
    executor_variant: null,
    branch: row.branch,
    target_branch: row.target_branch,
    container_ref: row.container_ref,
    worktree_deleted: row.worktree_deleted !== 0,
    setup_completed_at: row.setup_completed_at,
    created_at: row.created_at,
    updated_at: row.updated_at,
  };
}

export function executionSyncV1(row: ExecutionRow): ExecutionSyncV1 {
  return {
    execution_id: row.id,
    attempt_id: row.attempt_id,
    run_reason: row.run_reason,
    executor_action: row.executor_action === null ? null : (JSON.parse(row.executor_action) as object),
    before_head_commit: row.before_head_commit,
    after_head_commit: row.after_head_commit,
    status: row.status,
    exit_code: row.exit_code,
    dropped: row.dropped !== 0,
    pid: row.pid,
    started_at: row.started_at,
    completed_at: row.completed_at,
    created_at: row.created_at,
  };
}

/** A frame as text, from lines that are stored as the entries they become. */
export function logsBatch(attempt: SharedAttempt, executionId: string, lines: readonly string[]): string {
  const head = { assignment_id: attempt.id, shared_task_id: attempt.shared_task_id, execution_process_id: executionId };
  return `{"type":"logs_batch","data":${JSON.stringify(head).slice(0, -1)},"entries":[${lines.join(',')}],"compressed":false}}`;
}
