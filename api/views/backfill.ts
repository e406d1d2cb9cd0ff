import type { z } from 'zod';
import type { BackfillDescription, ListedBackfill } from '../../backfills/find.js';
import type { Principal } from '../../prisma/queries/authenticate.js';
import type { backfill, listedBackfill } from '../schemas/backfill.js';
import { iso } from '../schemas/common.js';

/** The address of a workflow in the Temporal UI, or null. */
export type WorkflowUrl = (workflowId: string, runId?: string) => string | null;

/** @returns `workflowUrl` for an admin; for anyone else, a function that returns null */
export function workflowUrlFor({ role }: Principal, workflowUrl: WorkflowUrl | undefined): WorkflowUrl {
  return role === 'admin' && workflowUrl ? workflowUrl : () => null;
}

export function listedBackfillView(item: ListedBackfill, workflowUrl: WorkflowUrl): z.input<typeof listedBackfill> {
  return {
    workflow_id: item.workflowId,
    run_id: item.runId,
    attempt_id: item.attemptId,
    node_id: item.nodeId,
    trigger: item.trigger,
    status: item.status,
    outcome: item.outcome,
    started_at: item.startedAt.toISOString(),
    ended_at: iso(item.endedAt),
    workflow_url: workflowUrl(item.workflowId, item.runId),
  };
}

export function backfillView(item: BackfillDescription, workflowUrl: WorkflowUrl): z.input<typeof backfill> {
  const { progress, result } = item;
  return {
    ...listedBackfillView(item, workflowUrl),
    progress: progress && {
      phase: progress.phase,
      executions: progress.executions,
      lines_declared: progress.linesDeclared,
      lines_stored: progress.linesStored,
      lines_pulled: progress.linesPulled,
      pulls: progress.pulls,
    },
    result: result && {
      lines_declared: result.linesDeclared,
      lines_stored: result.linesStored,
      lines_pulled: result.linesPulled,
      reason: result.reason ?? null,
    },
  };
}
