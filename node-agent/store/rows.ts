/** Rows of the store as SQLite gives them, and as the protocol's frames carry them. */
import type {
  AttemptSync,
  ExecutionStatus,
  ExecutionSync,
  RunReason,
  SyncRefusalCode,
  SyncState,
} from '../../protocol/frames.js';
import type { Summary } from '../summary/summary.js';

export interface AttemptRow {
  key: number;
  id: string;
  revision: number;
  acked_revision: number;
  acked_state: SyncState | null;
  /** The marker that covers the acknowledgement: the hive's database contains both or neither. */
  covered_by: number | null;
  /** Why the hive takes nothing of it. It is announced again once it changes, or by `announce --all`. */
  refused: SyncRefusalCode | null;
  /** The lines of all its executions were pruned. */
  pruned: number;
  title: string | null;
  shared_task_id: string | null;
  executor: string;
  branch: string;
  target_branch: string;
  container_ref: string | null;
  worktree_deleted: number;
  setup_completed_at: string | null;
  created_at: string;
  updated_at: string;
  execution_count: number;
  /** JSON of what its agents' streams told. */
  summary: string | null;
  /** Secrets masked in the output of its executions. */
  masked: number;
}

export interface ExecutionRow {
  key: number;
  id: string;
  attempt_key: number;
  attempt_id: string;
  /** The attempt's revision at this execution's last change. */
  revision: number;
  /** The attempt's revision now. */
  attempt_revision: number;
  acked_revision: number;
  acked_epoch: number;
  acked_through: number;
  attempt_refused: SyncRefusalCode | null;
  /** Its lines were pruned: only the hive has them. */
  pruned: number;
  run_reason: RunReason;
  executor_action: string | null;
  before_head_commit: string | null;
  after_head_commit: string | null;
  status: ExecutionStatus;
  exit_code: number | null;
  dropped: number;
  pid: number | null;
  started_at: string;
  completed_at: string | null;
  created_at: string;
  log_lines: number;
  log_epoch: number;
  recorder_pid: number;
  recorder_started: string;
  /** Whether its recorder has a lock, which tells if it is alive. */
  recorder_locks: number;
  /** Secrets masked in its output. */
  masked: number;
}

/** What both versions of the protocol say about an attempt. */
export function attemptFields(row: AttemptRow) {
  return {
    attempt_id: row.id,
    executor: row.executor,
    branch: row.branch,
    target_branch: row.target_branch,
    container_ref: row.container_ref,
    worktree_deleted: row.worktree_deleted !== 0,
    setup_completed_at: row.setup_completed_at,
    created_at: row.created_at,
    updated_at: row.updated_at,
  };
}

export function attemptSync(row: AttemptRow): AttemptSync {
  return {
    ...attemptFields(row),
    revision: row.revision,
    execution_count: row.execution_count,
    title: row.title,
    shared_task_id: row.shared_task_id,
    summary: row.summary === null ? null : (JSON.parse(row.summary) as Summary),
  };
}

/** What both versions of the protocol say about an execution. */
export function executionFields(row: ExecutionRow) {
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

/** Carries the attempt's revision of now, which includes the execution's own last change. */
export function executionSync(row: ExecutionRow): ExecutionSync {
  return {
    ...executionFields(row),
    revision: row.attempt_revision,
    log_lines: row.log_lines,
    log_epoch: row.log_epoch,
    masked: row.masked,
  };
}
