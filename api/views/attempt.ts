import type { z } from 'zod';
import type { AttemptCount } from '../../prisma/queries/count-attempts.js';
import type { AttemptDetailRow, AttemptRow, MissingLines } from '../../prisma/queries/find-attempt.js';
import type { ExecutionRow } from '../../prisma/queries/list-executions.js';
import type { StoredAttemptRow } from '../../prisma/queries/list-stored-attempts.js';
import type { StoredAttempt } from '../../protocol/stored-attempts.js';
import type { attempt, attemptCounts, execution, nodeInfo, sync } from '../schemas/attempt.js';
import { iso } from '../schemas/common.js';
import { whyUnavailable } from './unavailable.js';
import { whatNext } from './what-next.js';
import { whyMissing } from './why-missing.js';

/** The node's own description, together with what the hive knows. */
export function attemptView(row: AttemptRow): z.input<typeof attempt> {
  const { metadata } = row;
  return {
    id: row.id,
    assignment_id: metadata.assignment_id ?? null,
    shared_task_id: metadata.shared_task_id ?? null,
    node_id: row.nodeId,
    title: metadata.title ?? null,
    executor: metadata.executor,
    executor_variant: metadata.executor_variant ?? null,
    branch: metadata.branch,
    target_branch: metadata.target_branch,
    container_ref: metadata.container_ref ?? null,
    worktree_deleted: metadata.worktree_deleted,
    setup_completed_at: metadata.setup_completed_at ?? null,
    created_at: metadata.created_at,
    updated_at: metadata.updated_at,
    arrived_at: row.arrivedAt.toISOString(),
    revision: Number(row.revision),
    execution_count: row.executionCount,
    status: row.status,
    exit_code: row.status === 'running' ? null : row.exitCode,
    command: row.command,
    ended_at: row.status === 'running' ? null : iso(row.endedAt),
    summary: metadata.summary ?? null,
    sync_state: row.state,
    sync_requested_at: iso(row.requestedAt),
    last_full_sync_at: iso(row.lastFullSyncAt),
    lines_declared: Number(row.linesDeclared),
    lines_stored: Number(row.linesStored),
    position: row.position === null ? null : Number(row.position),
    changed_at: iso(row.changedAt),
  };
}

export function countsView(rows: AttemptCount[]): z.input<typeof attemptCounts> {
  const total = (matches: (row: AttemptCount) => boolean) =>
    rows.reduce((sum, row) => sum + (matches(row) ? Number(row.attempts) : 0), 0);
  const ofStatus = (status: AttemptCount['status']) => total((row) => row.status === status);
  const ofState = (state: AttemptCount['syncState']) => total((row) => row.syncState === state);
  return {
    total: total(() => true),
    by_status: {
      running: ofStatus('running'),
      completed: ofStatus('completed'),
      failed: ofStatus('failed'),
      killed: ofStatus('killed'),
      none: ofStatus(null),
    },
    by_sync_state: {
      partial: ofState('partial'),
      pending_backfill: ofState('pending_backfill'),
      complete: ofState('complete'),
      unavailable: ofState('unavailable'),
    },
  };
}

export function executionView(row: ExecutionRow): z.input<typeof execution> {
  const { metadata } = row;
  return {
    id: row.id,
    attempt_id: row.attemptId,
    node_id: row.nodeId,
    run_reason: metadata.run_reason,
    executor_action: metadata.executor_action ?? null,
    before_head_commit: metadata.before_head_commit ?? null,
    after_head_commit: metadata.after_head_commit ?? null,
    status: metadata.status,
    exit_code: metadata.exit_code ?? null,
    dropped: metadata.dropped,
    pid: metadata.pid ?? null,
    started_at: metadata.started_at,
    completed_at: metadata.completed_at ?? null,
    created_at: metadata.created_at,
    masked: metadata.masked ?? 0,
    log_lines: row.declaredLines,
    log_epoch: row.logEpoch,
    stored_lines: row.storedLines,
    gone_from_node: row.goneFromNode,
  };
}

export function nodeInfoView(row: AttemptDetailRow): z.input<typeof nodeInfo> {
  return {
    id: row.nodeId,
    name: row.nodeName,
    public_url: row.nodePublicUrl,
    status: row.nodeStatus,
    since: iso(row.nodeSince),
  };
}

export function syncView(
  row: AttemptDetailRow,
  missing: MissingLines[],
  workflow: { id: string; url: (workflowId: string) => string | null },
): z.input<typeof sync> {
  const workflowId = row.requestedAt ? workflow.id : null;
  return {
    state: row.state,
    requested_at: iso(row.requestedAt),
    last_full_sync_at: iso(row.lastFullSyncAt),
    workflow_id: workflowId,
    workflow_url: workflowId === null ? null : workflow.url(workflowId),
    last_error: row.lastError,
    lines_declared: Number(row.linesDeclared),
    lines_stored: Number(row.linesStored),
    retry_at: iso(row.retryAt),
    held: row.paused,
    unavailable_reason: row.unavailableReason,
    explanation: row.state === 'unavailable' ? whyUnavailable(row.unavailableReason) : null,
    missing: missing.map((lines) => missingView(lines, row)),
    next: whatNext(row),
  };
}

function missingView(lines: MissingLines, { nodeName }: AttemptDetailRow) {
  const { executionId, firstSeq, lastSeq, reason } = lines;
  const explanation = whyMissing(lines, nodeName);
  return { execution_id: executionId, first_seq: firstSeq, last_seq: lastSeq, reason, explanation };
}

export function storedAttemptView(row: StoredAttemptRow): StoredAttempt {
  return {
    attempt_id: row.id,
    node_id: row.nodeId,
    revision: Number(row.revision),
    sync_state: row.state,
    executions: row.executions,
    lines_stored: Number(row.linesStored),
  };
}
