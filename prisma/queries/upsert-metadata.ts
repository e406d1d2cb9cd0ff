import type { AttemptSync, ExecutionSync } from '../../protocol/frames.js';
import { toTimestamp } from '../../protocol/time.js';
import type { Queryable } from '../database.js';
import { storableText } from '../text.js';
import type { NodeSession } from '../session.js';
import { commandOf } from './execution-command.js';
import { STORED_LINES } from './stored-lines.js';

export interface StoredExecution {
  executionId: string;
  /** The attempt that it belongs to, which need not be the one that the node named. */
  attemptId: string;
  logEpoch: number;
  /** Lines 1..storedThrough of the epoch are in the hive. */
  storedThrough: number;
}

/**
 * Inserts the attempts, those that were made first before the others, and updates those whose revision is newer, or the
 * same with other metadata. An announcement ends `unavailable`; a newer revision also ends the wait before the next
 * backfill.
 */
export async function upsertAttempts(tx: Queryable, session: NodeSession, attempts: AttemptSync[]): Promise<void> {
  const sorted = attempts.toSorted((a, b) => (a.attempt_id < b.attempt_id ? -1 : 1));
  const column = <T>(pick: (attempt: AttemptSync) => T) => sorted.map(pick);
  const ids = column((attempt) => attempt.attempt_id);
  await tx.$executeRaw`
    WITH newer AS (
      INSERT INTO attempt (id, organization_id, node_id, revision, execution_count, executor, title, branch, shared_task_id, created_at, arrival, metadata)
      SELECT t.id, ${session.organizationId}::uuid, ${session.nodeId}::uuid, t.revision, t.execution_count, t.executor,
             t.title, t.branch, t.shared_task_id, t.created_at, t.arrival, t.metadata
      FROM (SELECT *, nextval('attempt_arrival_seq') AS arrival FROM (SELECT * FROM unnest(${ids}::uuid[], ${column((a) => BigInt(a.revision))}::bigint[], ${column((a) => a.execution_count)}::int[],
                  ${column((a) => storableText(a.executor))}::text[], ${column(titleOf)}::text[], ${column((a) => storableText(a.branch))}::text[], ${column((a) => a.shared_task_id ?? null)}::uuid[],
                  ${column((a) => toTimestamp(a.created_at))}::timestamptz[], ${column((a) => JSON.stringify(a))}::json[])
        AS u (id, revision, execution_count, executor, title, branch, shared_task_id, created_at, metadata) ORDER BY created_at, id) u) t
      ORDER BY t.id
      ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, execution_count = excluded.execution_count,
        executor = excluded.executor, title = excluded.title, branch = excluded.branch, shared_task_id = excluded.shared_task_id, created_at = excluded.created_at,
        metadata = excluded.metadata, described_revision = LEAST(attempt.described_revision, excluded.revision - 1)
      WHERE attempt.node_id = excluded.node_id AND (attempt.revision < excluded.revision
        -- a store that was restored from a backup has counted up to the same revision again
        OR (attempt.revision = excluded.revision AND attempt.metadata::text <> excluded.metadata::text))
      RETURNING id, created_at
    )
    INSERT INTO attempt_sync (attempt_id, node_id, attempt_created_at)
    SELECT id, ${session.nodeId}::uuid, created_at FROM newer
    ON CONFLICT (attempt_id) DO UPDATE SET attempt_created_at = excluded.attempt_created_at,
      retry_at = CASE WHEN attempt_sync.too_large_until > now() THEN attempt_sync.too_large_until END, idle_backfills = 0`;
  await tx.$executeRaw`
    UPDATE attempt_sync SET state = CASE state WHEN 'unavailable' THEN 'partial' ELSE state END, unavailable_reason = NULL
    WHERE attempt_id = ANY (${ids}::uuid[]) AND node_id = ${session.nodeId}::uuid
      AND (state = 'unavailable' OR unavailable_reason IS NOT NULL)`;
}

const titleOf = ({ title }: AttemptSync) => (title == null ? null : storableText(title));
const endOf = ({ completed_at: at }: ExecutionSync) => (at == null ? null : toTimestamp(at));

/**
 * Inserts the executions of attempts that the node owns, and updates those whose revision is not older. The attempts'
 * rows must be locked.
 * @returns how far the hive's copy of each is. An execution that is not among them was refused, and so was one that
 * belongs to another attempt.
 */
export async function upsertExecutions(
  tx: Queryable,
  session: NodeSession,
  executions: ExecutionSync[],
): Promise<StoredExecution[]> {
  const column = <T>(pick: (execution: ExecutionSync) => T) => executions.map(pick);
  const ids = column((execution) => execution.execution_id);
  await tx.$executeRaw`
    INSERT INTO execution (id, attempt_id, node_id, ordinal, revision, status, declared_lines, log_epoch, stored_epoch, created_at, exit_code, command, ended_at, masked, metadata)
    SELECT t.id, t.attempt_id, a.node_id,
           (SELECT COALESCE(max(e.ordinal), 0) FROM execution e WHERE e.attempt_id = a.id)
             + row_number() OVER (PARTITION BY a.id ORDER BY t.place),
           t.revision, t.status, t.declared_lines, t.log_epoch, t.log_epoch, t.created_at, t.exit_code, t.command, t.ended_at, t.masked, t.metadata
    FROM unnest(${ids}::uuid[], ${column((e) => e.attempt_id)}::uuid[], ${column((e) => BigInt(e.revision))}::bigint[],
                ${column((e) => e.status)}::execution_status[], ${column((e) => e.log_lines)}::int[],
                ${column((e) => e.log_epoch)}::int[], ${column((e) => toTimestamp(e.created_at))}::timestamptz[],
                ${column((e) => e.exit_code ?? null)}::int[], ${column(commandOf)}::text[], ${column(endOf)}::timestamptz[], ${column((e) => e.masked ?? 0)}::int[],
                ${column((e) => JSON.stringify(e))}::json[])
      WITH ORDINALITY AS t (id, attempt_id, revision, status, declared_lines, log_epoch, created_at, exit_code, command, ended_at, masked, metadata, place)
    JOIN attempt a ON a.id = t.attempt_id AND a.node_id = ${session.nodeId}::uuid
    ON CONFLICT (id) DO UPDATE SET
      revision = excluded.revision, status = excluded.status, metadata = excluded.metadata, created_at = excluded.created_at,
      exit_code = excluded.exit_code, command = excluded.command, ended_at = excluded.ended_at, masked = excluded.masked,
      log_epoch = GREATEST(execution.log_epoch, excluded.log_epoch),
      declared_lines = CASE
        WHEN excluded.log_epoch < execution.log_epoch THEN execution.declared_lines
        WHEN excluded.status <> 'running' OR excluded.log_epoch <> execution.stored_epoch THEN excluded.declared_lines
        ELSE GREATEST(excluded.declared_lines, execution.stored_lines) END,
      set_aside_reason = CASE WHEN excluded.revision > execution.revision THEN NULL ELSE execution.set_aside_reason END,
      failed_reads = CASE WHEN excluded.revision > execution.revision THEN 0 ELSE execution.failed_reads END,
      gone_from_node = false
    WHERE execution.node_id = excluded.node_id AND execution.attempt_id = excluded.attempt_id
      AND execution.revision <= excluded.revision`;
  return tx.$queryRaw`
    SELECT e.id AS "executionId", e.attempt_id AS "attemptId", e.log_epoch AS "logEpoch", ${STORED_LINES} AS "storedThrough"
    FROM execution e WHERE e.id = ANY (${ids}::uuid[]) AND e.node_id = ${session.nodeId}::uuid`;
}
