import type { Request } from 'express';
import type { z } from 'zod';
import type { BackfillDescription } from '../../backfills/describe.js';
import type { ListedBackfill } from '../../backfills/find.js';
import type { Principal } from '../../prisma/queries/authenticate.js';
import type { BackfilledAttemptRow } from '../../prisma/queries/list-backfilled-attempts.js';
import type { backfill, listedBackfill } from '../schemas/backfill.js';
import { iso } from '../schemas/common.js';
import { whyUnavailable } from './unavailable.js';

/** The address of a workflow in the Temporal UI, or null. */
export type WorkflowUrl = (workflowId: string, runId?: string) => string | null;

/**
 * Gives addresses only to whom they lead somewhere: to admins, and one on this machine itself, such as that of the
 * embedded Temporal's UI, only in answers to requests from this machine.
 */
export function workflowUrlFor(
  { role }: Principal,
  workflowUrl: WorkflowUrl | undefined,
  request: Request,
): WorkflowUrl {
  if (role !== 'admin' || !workflowUrl) return () => null;
  const isHere = isFromThisMachine(request);
  return (workflowId, runId) => {
    const url = workflowUrl(workflowId, runId);
    return url === null || isHere || !isLoopback(new URL(url).hostname) ? url : null;
  };
}

/** A proxy that is not trusted hides from where a request comes, but not that it is one. */
function isFromThisMachine(request: Request): boolean {
  const isForwarded = request.get('x-forwarded-for') !== undefined || request.get('forwarded') !== undefined;
  const isTrusting = request.ips.length > 0;
  return (!isForwarded || isTrusting) && isLoopback(request.ip ?? '');
}

function isLoopback(host: string): boolean {
  return /^(localhost|(::ffff:)?127(\.\d+){3}|\[?::1\]?)$/i.test(host);
}

function fieldsView(item: ListedBackfill, workflowUrl: WorkflowUrl) {
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

/** @param attempt undefined if it has been deleted */
export function listedBackfillView(
  item: ListedBackfill,
  workflowUrl: WorkflowUrl,
  attempt: BackfilledAttemptRow | undefined,
): z.input<typeof listedBackfill> {
  return {
    ...fieldsView(item, workflowUrl),
    attempt: attempt
      ? {
          title: attempt.metadata.title ?? null,
          command: attempt.command,
          node_name: attempt.nodeName,
          sync_state: attempt.state,
          lines_declared: attempt.linesDeclared,
          lines_stored: attempt.linesStored,
          last_error: attempt.lastError,
          explanation: attempt.state === 'unavailable' ? whyUnavailable(attempt.unavailableReason) : null,
        }
      : null,
  };
}

export function backfillView(item: BackfillDescription, workflowUrl: WorkflowUrl): z.input<typeof backfill> {
  const { progress, result } = item;
  return {
    ...fieldsView(item, workflowUrl),
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
      reason: result.reason,
      explanation: item.outcome === 'unavailable' ? whyUnavailable(result.reason) : null,
    },
  };
}
