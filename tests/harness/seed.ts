/** Makes rows like those that the hive makes from a node's frames. */
import { randomUUID } from 'node:crypto';
import type { Database } from '../../prisma/database.js';
import { storableText } from '../../prisma/text.js';
import { commandOf } from '../../prisma/queries/execution-command.js';
import type { AttemptSync, ExecutionSync, SyncState } from '../../protocol/frames.js';
import { encodeLine, encodePage, type LogLine } from '../../protocol/page.js';

export async function seedNode(
  database: Database,
  organizationId: string,
  { name = 'node', online = true }: { name?: string; online?: boolean } = {},
): Promise<string> {
  const { id } = await database.node.create({
    data: { organizationId, name, machineId: randomUUID(), protocolVersion: 2, capabilities: { executors: ['SHELL'] } },
  });
  if (online) {
    const expiresAt = new Date(Date.now() + 3_600_000); // longer than any test
    const queue = 'gateway-test';
    await database.nodeLease.create({
      data: { nodeId: id, queue, instanceId: 'test', sessionId: randomUUID(), fence: 1n, expiresAt },
    });
  }
  return id;
}

export interface SeedAttempt {
  organizationId: string;
  nodeId: string;
  state?: SyncState;
  needsBackfill?: boolean;
  metadata?: Partial<AttemptSync>;
}

export async function seedAttempt(database: Database, seed: SeedAttempt): Promise<string> {
  const { organizationId, nodeId, state = 'partial', needsBackfill = false } = seed;
  const id = randomUUID();
  const metadata: AttemptSync = {
    attempt_id: id,
    revision: 1,
    execution_count: 1,
    executor: 'SHELL',
    branch: 'main',
    target_branch: 'main',
    worktree_deleted: false,
    created_at: '2026-01-01T10:00:00.123456789Z',
    updated_at: '2026-01-01T10:00:01Z',
    ...seed.metadata,
  };
  await database.$executeRaw`
    INSERT INTO attempt (id, organization_id, node_id, revision, execution_count, executor, title, shared_task_id, created_at, metadata)
    VALUES (${id}::uuid, ${organizationId}::uuid, ${nodeId}::uuid, ${metadata.revision}, ${metadata.execution_count},
            ${metadata.executor}, ${storableText(metadata.title ?? '')}, ${metadata.shared_task_id ?? null}::uuid, ${metadata.created_at}::timestamptz,
            ${JSON.stringify(metadata)}::json)`;
  await database.$executeRaw`
    INSERT INTO attempt_sync (attempt_id, node_id, state, needs_backfill, attempt_created_at)
    VALUES (${id}::uuid, ${nodeId}::uuid, ${state}::sync_state, ${needsBackfill}, ${metadata.created_at}::timestamptz)`;
  return id;
}

export interface SeedExecution {
  attemptId: string;
  nodeId: string;
  ordinal: number;
  status?: ExecutionSync['status'];
  declaredLines?: number;
  metadata?: Partial<ExecutionSync>;
}

export async function seedExecution(database: Database, seed: SeedExecution): Promise<string> {
  const { attemptId, nodeId, ordinal, status = 'completed', declaredLines = 0 } = seed;
  const id = randomUUID();
  const metadata: ExecutionSync = {
    execution_id: id,
    attempt_id: attemptId,
    revision: 1,
    run_reason: 'codingagent',
    status,
    dropped: false,
    started_at: '2026-01-01T10:00:00Z',
    created_at: '2026-01-01T10:00:00Z',
    log_lines: declaredLines,
    log_epoch: 0,
    ...seed.metadata,
  };
  await database.$executeRaw`
    INSERT INTO execution (id, attempt_id, node_id, ordinal, revision, status, declared_lines, log_epoch, stored_epoch, created_at, exit_code, command, masked, metadata)
    VALUES (${id}::uuid, ${attemptId}::uuid, ${nodeId}::uuid, ${ordinal}, 1, ${status}::execution_status, ${declaredLines},
            ${metadata.log_epoch}, ${metadata.log_epoch}, ${metadata.created_at}::timestamptz,
            ${metadata.exit_code ?? null}::int, ${commandOf(metadata)}, ${metadata.masked ?? 0}, ${JSON.stringify(metadata)}::json)`;
  return id;
}

/** Stores lines as one page after those that the execution has, and updates its counts. */
export async function appendPage(database: Database, executionId: string, lines: LogLine[]): Promise<void> {
  const { storedLines, storedEpoch } = await database.execution.findUniqueOrThrow({ where: { id: executionId } });
  const ndjson = lines.map(encodeLine).join('\n');
  const count = (type: string) => lines.filter((line) => line.output_type === type).length;
  const [stdout, stderr, system] = [count('stdout'), count('stderr'), count('system')];
  const lastSeq = storedLines + lines.length;
  const gzip = await encodePage(ndjson);
  await database.$executeRaw`
    WITH page AS (
      INSERT INTO log_page (execution_id, log_epoch, first_seq, last_seq, stdout_lines, stderr_lines, system_lines, raw_bytes, gzip)
      VALUES (${executionId}::uuid, ${storedEpoch}, ${storedLines + 1}, ${lastSeq}, ${stdout}, ${stderr}, ${system},
              ${ndjson.length + 1}, ${gzip})
    )
    UPDATE execution SET stored_lines = ${lastSeq}, stdout_lines = stdout_lines + ${stdout},
      stderr_lines = stderr_lines + ${stderr}, system_lines = system_lines + ${system}
    WHERE id = ${executionId}::uuid`;
}

export function makeLines(prefix: string, count: number, firstSeq = 1): LogLine[] {
  return Array.from({ length: count }, (_, index) => ({
    output_type: index % 7 === 3 ? ('stderr' as const) : ('stdout' as const),
    content: `${prefix} ${firstSeq + index}`,
    timestamp: '2026-01-01T10:00:00Z',
  }));
}
