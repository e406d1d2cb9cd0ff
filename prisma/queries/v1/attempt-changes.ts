/** What version 1 frames change in what is stored. They are repeated every 30 s, and most of them change nothing. */
import type { AttemptSync, ExecutionSync } from '../../../protocol/frames.js';
import type { AttemptSyncV1, ExecutionSyncV1 } from '../../../protocol/v1/frames.js';
import type { Queryable } from '../../database.js';
import type { SyncState } from '../../generated/client.js';

/** Metadata as frames without revisions describe it. */
export interface MetadataV1 {
  attempts: AttemptSyncV1[];
  executions: ExecutionSyncV1[];
}

interface StoredAttempt {
  id: string;
  nodeId: string;
  revision: bigint;
  isDescribed: boolean;
  state: SyncState;
  metadata: string;
}

interface StoredExecution {
  id: string;
  attemptId: string;
  nodeId: string;
  status: ExecutionSync['status'];
  declaredLines: number;
  logEpoch: number;
  goneFromNode: boolean;
  metadata: string;
}

export interface Stored {
  attempts: Map<string, StoredAttempt>;
  executions: Map<string, StoredExecution>;
  /** Titles of the attempts' tasks, verbatim, by the task's id. */
  titles: Map<string, string>;
}

export interface AttemptChange {
  attemptId: string;
  revision: number;
  /** Present if the attempt itself changed. */
  attempt?: AttemptSync;
  executions: ExecutionSync[];
  /** Whether a described attempt stays described: no execution has ended that a backfill has not looked at since. */
  staysDescribed: boolean;
}

/** Reads what is stored of the attempts and executions in the frames. */
export async function readStored(db: Queryable, organizationId: string, metadata: MetadataV1): Promise<Stored> {
  const attemptIds = [...new Set([...metadata.attempts, ...metadata.executions].map((item) => item.attempt_id))];
  const attempts = await db.$queryRaw<StoredAttempt[]>`
    SELECT a.id, a.node_id AS "nodeId", a.revision, a.described_revision >= a.revision AS "isDescribed", s.state,
           a.metadata::text AS metadata
    FROM attempt a JOIN attempt_sync s ON s.attempt_id = a.id WHERE a.id = ANY (${attemptIds}::uuid[])`;
  const executions = await db.$queryRaw<StoredExecution[]>`
    SELECT id, attempt_id AS "attemptId", node_id AS "nodeId", status, declared_lines AS "declaredLines", log_epoch AS "logEpoch",
           gone_from_node AS "goneFromNode", metadata::text AS metadata
    FROM execution WHERE id = ANY (${metadata.executions.map((item) => item.execution_id)}::uuid[])`;
  const tasks = await db.$queryRaw<{ id: string; metadata: string }[]>`
    SELECT id, metadata::text AS metadata FROM task
    WHERE organization_id = ${organizationId}::uuid AND id = ANY (${metadata.attempts.map((item) => item.shared_task_id)}::uuid[])`;
  return {
    attempts: new Map(attempts.map((row) => [row.id, row])),
    executions: new Map(executions.map((row) => [row.id, row])),
    titles: new Map(tasks.map((row) => [row.id, (JSON.parse(row.metadata) as { title: string }).title])),
  };
}

/** The node's attempts that the frames change, with the hive's own next revision. */
export function findChanges(nodeId: string, metadata: MetadataV1, stored: Stored): AttemptChange[] {
  const changes = new Map<string, AttemptChange>();
  const change = (attemptId: string): AttemptChange => {
    const former = stored.attempts.get(attemptId);
    const made = changes.get(attemptId) ?? {
      attemptId,
      revision: Number(former?.revision ?? 0n) + 1,
      executions: [],
      staysDescribed: former?.isDescribed ?? false,
    };
    changes.set(attemptId, made);
    return made;
  };
  for (const frame of metadata.attempts) {
    const former = stored.attempts.get(frame.attempt_id);
    if (former !== undefined && former.nodeId !== nodeId) continue;
    const before = former && (JSON.parse(former.metadata) as AttemptSync);
    const title = stored.titles.get(frame.shared_task_id) ?? before?.title ?? null;
    if (before && isSame(before, frame, RENEWED) && (before.title ?? null) === title) continue;
    const made = change(frame.attempt_id);
    made.attempt = { ...frame, title, revision: made.revision, execution_count: 0 };
    // the node has added a line to the log of an execution that ended long ago, and pushes it only once
    if (before && !before.worktree_deleted && frame.worktree_deleted) made.staysDescribed = false;
  }
  for (const frame of metadata.executions) {
    const isNew = changes.has(frame.attempt_id);
    const owner = stored.attempts.get(frame.attempt_id)?.nodeId ?? (isNew ? nodeId : undefined);
    const former = stored.executions.get(frame.execution_id);
    if (owner !== nodeId) continue;
    if (former !== undefined && (former.nodeId !== nodeId || former.attemptId !== frame.attempt_id)) continue;
    const before = former && (JSON.parse(former.metadata) as ExecutionSync);
    if (before && !former.goneFromNode && isSame(before, frame)) continue;
    const made = change(frame.attempt_id);
    const log = { log_lines: former?.declaredLines ?? 0, log_epoch: former?.logEpoch ?? 1 };
    made.executions.push({ ...frame, ...log, revision: made.revision });
    const hasEnded = frame.status !== 'running' && (former === undefined || former.status === 'running');
    if (hasEnded || former?.goneFromNode) made.staysDescribed = false;
  }
  return [...changes.values()];
}

/**
 * A node renews this time without a change: the answer to a task_sync makes it write its row of the task, and send the
 * task and its attempts again, every 30 s.
 */
export const RENEWED: readonly string[] = ['updated_at'];

/** The attempts that the node announces although the hive had them as unavailable. */
export function findReturned(nodeId: string, { attempts }: MetadataV1, stored: Stored): string[] {
  return attempts.flatMap(({ attempt_id: id }) => {
    const former = stored.attempts.get(id);
    return former?.state === 'unavailable' && former.nodeId === nodeId ? [id] : [];
  });
}

/**
 * @param except fields of the frame that are not compared
 * @returns whether the stored metadata says the same as the frame; what the hive adds to it is not compared
 */
export function isSame(stored: object, frame: object, except: readonly string[] = []): boolean {
  const known = stored as Record<string, unknown>;
  return Object.entries(frame).every(
    ([field, value]) => except.includes(field) || JSON.stringify(known[field] ?? null) === JSON.stringify(value),
  );
}
