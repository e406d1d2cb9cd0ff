import { Prisma, type Database, type Queryable } from '../../database.js';
import { lockSession, type NodeSession } from '../../session.js';
import { computeSync, lockAttempts, type ComputedSync } from '../attempt-state.js';
import { listDeletedAttempts } from '../deleted-attempts.js';
import { retryAfter } from '../settle-backfill.js';
import { upsertAttempts, upsertExecutions } from '../upsert-metadata.js';
import { RETRY_AT_ONCE } from '../too-large.js';
import {
  findChanges,
  findReturned,
  readStored,
  type AttemptChange,
  type MetadataV1,
  type Stored,
} from './attempt-changes.js';

export interface TakenInV1 {
  /** The states of the attempts that changed. */
  syncs: ComputedSync[];
  /** Executions of attempts that the hive does not know as this node's. */
  refusedExecutions: string[];
  /** Executions that were stored and that the hive did not know before. */
  newExecutions: string[];
}

/**
 * Stores what version 1 frames say. They carry no revision, so the hive counts changes itself, and frames that change
 * nothing cost a single read and write nothing. An execution that has ended makes its attempt need a backfill; other
 * changes do not.
 * @param askedFor attempts whose frames may answer a request: lines of an execution that is new among them, and runs,
 *   may have been pushed and lost before
 * @throws SupersededError
 */
export async function storeMetadataV1(
  db: Database,
  session: NodeSession,
  metadata: MetadataV1,
  askedFor: ReadonlySet<string>,
): Promise<TakenInV1> {
  const latest = {
    attempts: lastOf(metadata.attempts, (item) => item.attempt_id),
    executions: lastOf(metadata.executions, (item) => item.execution_id),
  };
  const seen = await readStored(db, session.organizationId, latest);
  const newest = await withoutDeleted(db, latest, seen);
  const isUnchanged =
    findChanges(session.nodeId, newest, seen).length === 0 && findReturned(session.nodeId, newest, seen).length === 0;
  const newExecutions = newest.executions.filter((item) => !seen.executions.has(item.execution_id));
  const mayMissLines = newExecutions.filter(
    (item) => item.status === 'running' && !item.dropped && askedFor.has(item.attempt_id),
  );
  const syncs = isUnchanged ? [] : await storeChanges(db, session, newest, mayMissLines.map(idOf));
  const announced = new Set(newest.attempts.map((item) => item.attempt_id));
  const refusedExecutions = newest.executions
    .filter((item) => !announced.has(item.attempt_id) && seen.attempts.get(item.attempt_id)?.nodeId !== session.nodeId)
    .map(idOf);
  const refused = new Set(refusedExecutions);
  return { syncs, refusedExecutions, newExecutions: newExecutions.map(idOf).filter((id) => !refused.has(id)) };
}

/** An original node announces its attempts every 30 s for ever, also those that were deleted here. */
async function withoutDeleted(db: Database, metadata: MetadataV1, { attempts }: Stored): Promise<MetadataV1> {
  const ids = [...metadata.attempts, ...metadata.executions].map((item) => item.attempt_id);
  const deleted = await listDeletedAttempts(
    db,
    ids.filter((id) => !attempts.has(id)),
  );
  if (deleted.size === 0) return metadata;
  const isLeft = (item: { attempt_id: string }) => !deleted.has(item.attempt_id);
  return { attempts: metadata.attempts.filter(isLeft), executions: metadata.executions.filter(isLeft) };
}

const idOf = (execution: { execution_id: string }) => execution.execution_id;

function storeChanges(
  db: Database,
  session: NodeSession,
  metadata: MetadataV1,
  mayMissLines: string[],
): Promise<ComputedSync[]> {
  const touched = [...new Set([...metadata.attempts, ...metadata.executions].map((item) => item.attempt_id))];
  return db.$transaction(async (tx) => {
    await lockAttempts(tx, touched);
    await lockSession(tx, session);
    const stored = await readStored(tx, session.organizationId, metadata);
    const changes = findChanges(session.nodeId, metadata, stored);
    const returned = findReturned(session.nodeId, metadata, stored);
    await writeChanges(tx, session, changes);
    if (mayMissLines.length > 0) {
      await tx.$executeRaw`
        UPDATE execution SET has_gap = true WHERE id = ANY (${mayMissLines}::uuid[]) AND node_id = ${session.nodeId}::uuid`;
    }
    await endUnavailable(tx, returned);
    return computeSync(tx, [...new Set([...changes.map((change) => change.attemptId), ...returned])]);
  });
}

/**
 * The node announces these attempts although it did not have them when it was asked. It may announce and refuse them
 * every 30 s for ever, so it is asked at once only the first time, and later each time after that.
 */
async function endUnavailable(tx: Queryable, attemptIds: string[]): Promise<void> {
  await tx.$executeRaw`
    UPDATE attempt_sync SET state = 'partial', unavailable_reason = NULL, idle_backfills = idle_backfills + 1,
      retry_at = GREATEST(${RETRY_AT_ONCE}, CASE WHEN idle_backfills > 0 THEN ${retryAfter(Prisma.sql`idle_backfills - 1`)} END)
    WHERE attempt_id = ANY (${attemptIds}::uuid[]) AND state = 'unavailable'`;
}

async function writeChanges(tx: Queryable, session: NodeSession, changes: AttemptChange[]): Promise<void> {
  const attempts = changes.flatMap(({ attempt }) => (attempt ? [attempt] : []));
  if (attempts.length > 0) await upsertAttempts(tx, session, attempts);
  const executions = changes.flatMap((change) => change.executions);
  if (executions.length > 0) await upsertExecutions(tx, session, executions);
  const ids = changes.map((change) => change.attemptId);
  await tx.$executeRaw`
    UPDATE attempt a SET revision = change.revision,
      described_revision = CASE WHEN change.stays_described THEN change.revision ELSE a.described_revision END,
      execution_count = (SELECT count(*) FROM execution e WHERE e.attempt_id = a.id AND NOT e.gone_from_node)
    FROM unnest(${ids}::uuid[], ${changes.map((change) => BigInt(change.revision))}::bigint[],
                ${changes.map((change) => change.staysDescribed)}::boolean[]) AS change (id, revision, stays_described)
    WHERE a.id = change.id AND a.node_id = ${session.nodeId}::uuid`;
  await tx.$executeRaw`
    UPDATE attempt_sync SET retry_at = ${RETRY_AT_ONCE}, idle_backfills = 0
    WHERE attempt_id = ANY (${ids}::uuid[]) AND node_id = ${session.nodeId}::uuid`;
}

/** Keeps the last item for each id. */
function lastOf<T>(items: T[], id: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [id(item), item])).values()];
}
