/** Finds backfills in Temporal: lists through its visibility store, and a single one through its workflow. */
import { WorkflowFailedError, WorkflowNotFoundError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure, defaultPayloadConverter } from '@temporalio/common';
import { isUuid } from '../protocol/uuid.js';
import {
  progressQuery,
  searchAttributes,
  type AttemptRef,
  type BackfillProgress,
  type BackfillResult,
} from './definitions.js';
import type { InstallationClient } from './installation.js';

export type BackfillStatus = 'running' | 'completed' | 'failed' | 'cancelled' | 'timed_out' | 'terminated';

export interface ListedBackfill {
  workflowId: string;
  runId: string;
  attemptId: string;
  nodeId: string | null;
  trigger: string | null;
  status: BackfillStatus;
  outcome: string | null;
  startedAt: Date;
  endedAt: Date | null;
}

/** What Temporal knows of a backfill. */
export interface DescribedBackfill extends ListedBackfill {
  /** How far it has come, or had come when it ended without a result; null if no worker answered in time. */
  progress: BackfillProgress | null;
  /** Set once the workflow has completed. */
  result: BackfillResult | null;
  /** Why it ended without a result: a code. */
  endReason: string | null;
}

export interface BackfillFilter {
  nodeId?: string | undefined;
  attemptId?: string | undefined;
  status?: BackfillStatus | undefined;
  limit: number;
  /** The token that the page before gave. */
  pageToken?: Buffer | undefined;
}

export interface BackfillListing {
  backfills: ListedBackfill[];
  nextPageToken: Buffer | null;
}

const PROGRESS_DEADLINE_MS = 1_000;

const VISIBILITY_STATUS: Record<BackfillStatus, string> = {
  running: 'Running',
  completed: 'Completed',
  failed: 'Failed',
  cancelled: 'Canceled',
  timed_out: 'TimedOut',
  terminated: 'Terminated',
};

/** By temporal.api.enums.v1.WorkflowExecutionStatus. Other codes count as running, also paused and continued as new. */
const STATUS_BY_CODE: Record<number, BackfillStatus> = {
  2: 'completed',
  3: 'failed',
  4: 'cancelled',
  5: 'terminated',
  7: 'timed_out',
};

/** @returns backfills of the organisation, newest first */
export async function listBackfills(
  client: InstallationClient,
  organizationId: string,
  filter: BackfillFilter,
): Promise<BackfillListing> {
  const response = await client.workflowService.listWorkflowExecutions({
    namespace: client.options.namespace,
    query: visibilityQuery(client, organizationId, filter),
    pageSize: filter.limit,
    ...(filter.pageToken && { nextPageToken: filter.pageToken }),
  });
  const backfills = response.executions.map((info): ListedBackfill => {
    const fields = info.searchAttributes?.indexedFields ?? {};
    const attribute = (name: string) => {
      const payload = fields[name];
      return payload ? defaultPayloadConverter.fromPayload<string>(payload) : null;
    };
    const workflowId = info.execution?.workflowId ?? '';
    return {
      workflowId,
      runId: info.execution?.runId ?? '',
      attemptId: client.names.attemptOf(workflowId),
      nodeId: attribute(searchAttributes.nodeId.name),
      trigger: attribute(searchAttributes.trigger.name),
      status: STATUS_BY_CODE[info.status ?? 0] ?? 'running',
      outcome: attribute(searchAttributes.outcome.name),
      startedAt: toDate(info.startTime) ?? new Date(0),
      endedAt: toDate(info.closeTime),
    };
  });
  const { nextPageToken } = response;
  return { backfills, nextPageToken: nextPageToken.length > 0 ? Buffer.from(nextPageToken) : null };
}

function visibilityQuery(
  { names }: InstallationClient,
  organizationId: string,
  { nodeId, attemptId, status }: BackfillFilter,
): string {
  const conditions = [
    `WorkflowType = 'backfillAttempt'`,
    `ExecutionStatus != 'ContinuedAsNew'`,
    `${searchAttributes.organizationId.name} = ${quoteUuid(organizationId)}`,
    // an installation whose database is a copy of another's has the same organisations
    `TaskQueue IN (${names.allQueues.map((queue) => `'${queue}'`).join(', ')})`,
  ];
  if (nodeId !== undefined) conditions.push(`${searchAttributes.nodeId.name} = ${quoteUuid(nodeId)}`);
  if (attemptId !== undefined) conditions.push(`${searchAttributes.attemptId.name} = ${quoteUuid(attemptId)}`);
  if (status !== undefined) conditions.push(`ExecutionStatus = '${VISIBILITY_STATUS[status]}'`);
  return conditions.join(' AND ');
}

/** Only UUIDs may get into a query, since Temporal has no parameters for it. @throws TypeError */
function quoteUuid(value: string): string {
  if (!isUuid(value)) throw new TypeError('not a UUID');
  return `'${value}'`;
}

function toDate(time: { seconds?: unknown; nanos?: number | null } | null | undefined): Date | null {
  return time ? new Date(Number(time.seconds ?? 0) * 1000 + Math.floor((time.nanos ?? 0) / 1_000_000)) : null;
}

/**
 * @returns the newest run of the attempt's backfill; undefined if Temporal knows none that belongs to the organisation
 */
export async function describeBackfill(
  client: InstallationClient,
  { attemptId, organizationId }: AttemptRef,
): Promise<DescribedBackfill | undefined> {
  const handle = client.workflow.getHandle(client.names.backfillId(attemptId));
  try {
    const info = await handle.describe();
    const { typedSearchAttributes: attributes } = info;
    // when an attempt is deleted its id is free again, but the history still belongs to its former organisation
    if (attributes.get(searchAttributes.organizationId) !== organizationId) return undefined;
    const status = STATUS_BY_CODE[info.status.code] ?? 'running';
    // by the run id, because without it the result of a newer run could be waited for
    const ended = client.workflow.getHandle(info.workflowId, info.runId);
    const { result, endReason } = await endOf(ended, status);
    return {
      workflowId: info.workflowId,
      runId: info.runId,
      attemptId,
      nodeId: attributes.get(searchAttributes.nodeId) ?? null,
      trigger: attributes.get(searchAttributes.trigger) ?? null,
      status,
      outcome: attributes.get(searchAttributes.outcome) ?? result?.outcome ?? null,
      startedAt: info.startTime,
      endedAt: info.closeTime ?? null,
      progress: result ? null : await queryProgress(client, ended),
      result,
      endReason,
    };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

async function endOf(
  ended: WorkflowHandle,
  status: BackfillStatus,
): Promise<Pick<DescribedBackfill, 'result' | 'endReason'>> {
  if (status === 'running') return { result: null, endReason: null };
  if (status !== 'completed' && status !== 'failed') return { result: null, endReason: status };
  try {
    return { result: (await ended.result()) as BackfillResult, endReason: null };
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const { cause } = error;
    return { result: null, endReason: (cause instanceof ApplicationFailure ? cause.type : undefined) ?? status };
  }
}

async function queryProgress(client: InstallationClient, handle: WorkflowHandle): Promise<BackfillProgress | null> {
  try {
    return await client.withDeadline(Date.now() + PROGRESS_DEADLINE_MS, () => handle.query(progressQuery));
  } catch {
    return null; // no worker is polling, or the run ended in between; the rest of the description is still useful
  }
}

/**
 * @param asking what is asked of a running workflow: a signal, a cancellation, a termination
 * @returns whether it was running; false if it has ended, or Temporal knows none
 */
export async function wasRunning(asking: Promise<unknown>): Promise<boolean> {
  try {
    await asking;
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

/** A backfill that is running. */
export interface RunningBackfill {
  /** The first run's id, by which the hive knows the backfill. */
  runId: string;
  /** It was told to end, by the API or in Temporal. */
  isCancelled: boolean;
  /** The workers have failed to run its code again and again, as after a rollback to code that does not know it. */
  isStuck: boolean;
}

/** A workflow task that is tried for this time will not succeed soon; Temporal tries it again forever. */
const STUCK_TRIES = 6;

/** @returns the attempt's running backfill; undefined if none is running */
export async function findRunning(
  client: InstallationClient,
  attemptId: string,
  stuckTries = STUCK_TRIES,
): Promise<RunningBackfill | undefined> {
  try {
    const { status, runId, raw } = await client.workflow.getHandle(client.names.backfillId(attemptId)).describe();
    if (status.name !== 'RUNNING') return undefined;
    return {
      runId: raw.workflowExecutionInfo?.firstRunId ?? runId,
      isCancelled: raw.workflowExtendedInfo?.cancelRequested === true,
      isStuck: (raw.pendingWorkflowTask?.attempt ?? 0) >= stuckTries,
    };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}
