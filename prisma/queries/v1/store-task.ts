import { randomUUID } from 'node:crypto';
import type { AttemptSync } from '../../../protocol/frames.js';
import type { TaskSyncV1 } from '../../../protocol/v1/frames.js';
import type { Database, Queryable } from '../../database.js';
import { storableText } from '../../text.js';
import { lockSession, type NodeSession } from '../../session.js';

/**
 * Stores a task under its shared id, or under a new one, which stays the same whenever the node sends the task again.
 * Attempts of version 1 nodes show its title from then on. An older version of a task changes nothing.
 * @returns the shared id
 * @throws SupersededError
 */
export function storeTask(db: Database, session: NodeSession, task: TaskSyncV1): Promise<string> {
  return db.$transaction(async (tx) => {
    await lockSession(tx, session);
    const id = task.shared_task_id ?? (await sharedIdOf(tx, session, task.local_task_id)) ?? randomUUID();
    const changed = await upsertTask(tx, session, id, task);
    if (changed) await showTitle(tx, session, id, task.title);
    return id;
  });
}

async function sharedIdOf(tx: Queryable, session: NodeSession, localTaskId: string): Promise<string | undefined> {
  const [row] = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM task WHERE node_id = ${session.nodeId}::uuid AND local_task_id = ${localTaskId}::uuid ORDER BY id LIMIT 1`;
  return row?.id;
}

async function upsertTask(tx: Queryable, session: NodeSession, id: string, task: TaskSyncV1): Promise<boolean> {
  const metadata = JSON.stringify({ ...task, shared_task_id: id });
  const description = task.description === null ? null : storableText(task.description);
  const changed = await tx.$executeRaw`
    INSERT INTO task (id, organization_id, node_id, local_task_id, title, description, status, version, metadata)
    VALUES (${id}::uuid, ${session.organizationId}::uuid, ${session.nodeId}::uuid, ${task.local_task_id}::uuid,
            ${storableText(task.title)}, ${description}, ${task.status}, ${BigInt(task.version)}, ${metadata}::json)
    ON CONFLICT (organization_id, id) DO UPDATE SET title = excluded.title, description = excluded.description,
      status = excluded.status, version = excluded.version, metadata = excluded.metadata, updated_at = now()
    WHERE task.version <= excluded.version AND task.metadata::text <> excluded.metadata::text`;
  return changed === 1;
}

/** Puts the title into the metadata of the task's attempts. That change needs no backfill. */
async function showTitle(tx: Queryable, session: NodeSession, taskId: string, title: string): Promise<void> {
  const attempts = await tx.$queryRaw<{ id: string; metadata: string }[]>`
    SELECT a.id, a.metadata::text AS metadata FROM attempt a JOIN node n ON n.id = a.node_id
    WHERE a.organization_id = ${session.organizationId}::uuid AND a.shared_task_id = ${taskId}::uuid AND n.protocol_version = 1
    ORDER BY a.id FOR UPDATE OF a`;
  const titled = attempts.map((row) => ({ ...(JSON.parse(row.metadata) as AttemptSync), title }));
  await tx.$executeRaw`
    UPDATE attempt a SET metadata = titled.metadata
    FROM unnest(${attempts.map((row) => row.id)}::uuid[], ${titled.map((item) => JSON.stringify(item))}::json[]) AS titled (id, metadata)
    WHERE a.id = titled.id`;
}
