import { randomUUID } from 'node:crypto';
import type { AttemptSync } from '../../../protocol/frames.js';
import type { TaskSyncV1 } from '../../../protocol/v1/frames.js';
import { Prisma, type Database, type Queryable } from '../../database.js';
import { storableText } from '../../text.js';
import { lockSession, type NodeSession } from '../../session.js';
import { isSame, RENEWED } from './attempt-changes.js';

/** What a node says anew, or of its own store, without a change of the task. */
const UNIMPORTANT = [...RENEWED, 'is_update', 'shared_task_id'];
/** What else two nodes say differently of the same task. */
const OF_THE_NODE = ['local_task_id', 'local_project_id', 'created_at'];

/**
 * Stores a task under its shared id, or under a new one, which stays the same whenever the node sends the task again.
 * Attempts of version 1 nodes show its title from then on. An older version of a task changes nothing. A node sends
 * its tasks again every 30 s: one that has not changed costs a single read and writes nothing.
 * @returns the shared id
 * @throws SupersededError
 */
export async function storeTask(db: Database, session: NodeSession, task: TaskSyncV1): Promise<string> {
  const known = await findUnchanged(db, session, task);
  if (known !== undefined) return known;
  return db.$transaction(async (tx) => {
    await lockSession(tx, session);
    const id = task.shared_task_id ?? (await sharedIdOf(tx, session, task.local_task_id)) ?? randomUUID();
    const changed = await upsertTask(tx, session, id, task);
    if (changed) await showTitle(tx, session, id, task.title);
    return id;
  });
}

interface KnownTask {
  id: string;
  nodeId: string;
  version: bigint;
  metadata: string;
}

/** @returns the shared id of the task if what is stored says the same, or is newer */
async function findUnchanged(db: Database, session: NodeSession, task: TaskSyncV1): Promise<string | undefined> {
  const { shared_task_id: sharedId, local_task_id: localId } = task;
  const which =
    sharedId === null
      ? Prisma.sql`node_id = ${session.nodeId}::uuid AND local_task_id = ${localId}::uuid ORDER BY id LIMIT 1`
      : Prisma.sql`organization_id = ${session.organizationId}::uuid AND id = ${sharedId}::uuid`;
  const [row] = await db.$queryRaw<KnownTask[]>`
    SELECT id, node_id AS "nodeId", version, metadata::text AS metadata FROM task WHERE ${which}`;
  if (!row) return undefined;
  const except = row.nodeId === session.nodeId ? UNIMPORTANT : [...UNIMPORTANT, ...OF_THE_NODE];
  const isNewer = row.version > BigInt(task.version);
  return isNewer || isSame(JSON.parse(row.metadata) as object, task, except) ? row.id : undefined;
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

/** Puts the title into the metadata of those attempts of the task that have another. That needs no backfill. */
async function showTitle(tx: Queryable, session: NodeSession, taskId: string, title: string): Promise<void> {
  const attempts = await tx.$queryRaw<AttemptRow[]>`
    SELECT a.id, a.metadata::text AS metadata FROM attempt a JOIN node n ON n.id = a.node_id
    WHERE a.organization_id = ${session.organizationId}::uuid AND a.shared_task_id = ${taskId}::uuid AND n.protocol_version = 1`;
  const others = attempts.filter((row) => metadataOf(row).title !== title).map((row) => row.id);
  if (others.length === 0) return;
  const locked = await tx.$queryRaw<AttemptRow[]>`
    SELECT id, metadata::text AS metadata FROM attempt WHERE id = ANY (${others}::uuid[]) ORDER BY id FOR UPDATE`;
  const titled = locked.map((row) => JSON.stringify({ ...metadataOf(row), title }));
  await tx.$executeRaw`
    UPDATE attempt a SET metadata = titled.metadata, title = ${storableText(title)}
    FROM unnest(${locked.map((row) => row.id)}::uuid[], ${titled}::json[]) AS titled (id, metadata)
    WHERE a.id = titled.id`;
}

interface AttemptRow {
  id: string;
  metadata: string;
}

function metadataOf(row: AttemptRow): AttemptSync {
  return JSON.parse(row.metadata) as AttemptSync;
}
