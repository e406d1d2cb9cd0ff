/** Attempts by the thousand, in one statement: what long lists are tried with. */
import type { Database } from '../../prisma/database.js';

export interface SeedMany {
  organizationId: string;
  nodeId: string;
  count: number;
}

/**
 * Makes attempts that are called `many 1`, `many 2` and so on, in the order in which they arrive; each has an execution
 * that ended. Every seventh has failed, every fiftieth is partial.
 */
export async function seedManyAttempts(database: Database, { organizationId, nodeId, count }: SeedMany): Promise<void> {
  await database.$executeRaw`
    WITH made AS (
      SELECT i, gen_random_uuid() AS id, 'many ' || i AS title, 'vk/' || i % 40 AS branch,
             (ARRAY['SHELL', 'CLAUDE_CODE', 'CODEX'])[1 + i % 3] AS executor,
             now() - make_interval(secs => (${count}::int - i) * 50) AS created_at
      FROM generate_series(1, ${count}::int) AS i
    ), attempts AS (
      INSERT INTO attempt (id, organization_id, node_id, revision, described_revision, execution_count, executor, title,
                           branch, created_at, metadata)
      SELECT id, ${organizationId}::uuid, ${nodeId}::uuid, 1, 1, 1, executor, title, branch, created_at,
             json_build_object(
               'attempt_id', id, 'revision', 1, 'execution_count', 1, 'executor', executor, 'title', title,
               'branch', branch, 'target_branch', 'main', 'worktree_deleted', false,
               'created_at', to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
               'updated_at', to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
      FROM made ORDER BY i RETURNING id
    ), states AS (
      INSERT INTO attempt_sync (attempt_id, node_id, state, needs_backfill, attempt_created_at)
      SELECT id, ${nodeId}::uuid, (CASE WHEN i % 50 = 0 THEN 'partial' ELSE 'complete' END)::sync_state, false, created_at
      FROM made
    )
    INSERT INTO execution (id, attempt_id, node_id, ordinal, revision, status, declared_lines, stored_lines, log_epoch,
                           stored_epoch, created_at, ended_at, exit_code, command, metadata)
    SELECT gen_random_uuid(), id, ${nodeId}::uuid, 1, 1,
           (CASE WHEN i % 7 = 0 THEN 'failed' ELSE 'completed' END)::execution_status, i % 5000,
           CASE WHEN i % 50 = 0 THEN i % 5000 / 2 ELSE i % 5000 END, 0, 0, created_at,
           created_at + make_interval(secs => i % 4000), CASE WHEN i % 7 = 0 THEN 1 ELSE 0 END, 'npm test',
           json_build_object(
             'execution_id', id, 'attempt_id', id, 'revision', 1, 'run_reason', 'codingagent', 'dropped', false,
             'status', CASE WHEN i % 7 = 0 THEN 'failed' ELSE 'completed' END, 'log_lines', i % 5000, 'log_epoch', 0,
             'started_at', to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
             'created_at', to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
    FROM made`;
}
