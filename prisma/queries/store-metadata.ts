/** Storing what a node says about attempts and executions, unasked (announced) or on request (described). */
import type { AttemptSync, ExecutionSync } from '../../protocol/frames.js';
import type { Database, Queryable } from '../database.js';
import { requireSession, type NodeSession } from '../session.js';
import { computeSync, lockAttempts, lockFreeAttempts, type ComputedSync } from './attempt-state.js';
import { endDescription, keepPart, type PartPlace } from './description-parts.js';
import { upsertAttempts, upsertExecutions, type StoredExecution } from './upsert-metadata.js';

export interface Metadata {
  attempts: AttemptSync[];
  executions: ExecutionSync[];
}

/** The metadata that was stored; whatever is in neither list was refused, unless its attempt is locked. */
export interface TakenIn {
  attempts: ComputedSync[];
  executions: StoredExecution[];
  /** Ids of attempts of which nothing was stored, because another transaction has them. */
  locked: ReadonlySet<string>;
}

/**
 * Stores announced metadata and computes the attempts' states, in one transaction. An older revision changes nothing.
 * An attempt or execution that belongs to another node is left out of the result, and so is an execution whose attempt
 * is unknown. It waits for no attempt that another transaction has locked, so that one holds up no other.
 * @throws SupersededError
 */
export function storeMetadata(db: Database, session: NodeSession, metadata: Metadata): Promise<TakenIn> {
  return store(db, session, metadata, lockFreeAttempts, markAnnouncedAsDescribed);
}

/**
 * Stores a part of the node's description of one attempt. With its last part the revision counts as described, and
 * executions that no part listed no longer count.
 * @returns `isKept`: whether the description goes on after this part; false if another part was stored in this place
 *   meanwhile. `syncs`: the attempt's state.
 * @throws SupersededError
 */
export async function storeDescription(
  db: Database,
  session: NodeSession,
  { attempt, executions, last }: { attempt: AttemptSync; executions: ExecutionSync[]; last: boolean },
  place: PartPlace,
): Promise<{ isKept: boolean; syncs: ComputedSync[] }> {
  let isKept = true;
  const lock = async (tx: Queryable, attemptIds: string[]) => {
    await lockAttempts(tx, attemptIds);
    return new Set<string>();
  };
  const { attempts: syncs } = await store(db, session, { attempts: [attempt], executions }, lock, async (tx) => {
    const executionIds = executions.map((execution) => execution.execution_id);
    const part = { attemptId: attempt.attempt_id, executionIds, ...place };
    if (last) await endDescription(tx, session, part);
    else isKept = await keepPart(tx, session, part);
  });
  return { isKept, syncs };
}

async function store(
  db: Database,
  session: NodeSession,
  metadata: Metadata,
  lock: (tx: Queryable, attemptIds: string[]) => Promise<ReadonlySet<string>>,
  markAsDescribed: (tx: Queryable, attemptIds: string[]) => Promise<unknown>,
): Promise<TakenIn> {
  const touched = [...new Set([...metadata.attempts, ...metadata.executions].map((item) => item.attempt_id))];
  return db.$transaction(async (tx) => {
    const locked = await lock(tx, touched);
    await requireSession(tx, session);
    const isFree = (item: { attempt_id: string }) => !locked.has(item.attempt_id);
    const attempts = metadata.attempts.filter(isFree);
    const executions = metadata.executions.filter(isFree);
    if (attempts.length > 0)
      await upsertAttempts(
        tx,
        session,
        newestOf(attempts, (attempt) => attempt.attempt_id),
      );
    const stored =
      executions.length === 0
        ? []
        : await upsertExecutions(
            tx,
            session,
            newestOf(executions, (execution) => execution.execution_id),
          );
    const free = touched.filter((id) => !locked.has(id));
    const owned = await ownedAttempts(tx, session, free);
    await markAsDescribed(tx, owned);
    return { attempts: await computeSync(tx, owned), executions: stored, locked };
  });
}

/** Keeps the newest revision for each id, because a batch may contain several changes of the same thing. */
function newestOf<T extends { revision: number }>(items: T[], id: (item: T) => string): T[] {
  const newest = new Map<string, T>();
  for (const item of items) {
    if ((newest.get(id(item))?.revision ?? -1) <= item.revision) newest.set(id(item), item);
  }
  return [...newest.values()];
}

async function ownedAttempts(tx: Queryable, session: NodeSession, ids: string[]): Promise<string[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM attempt WHERE id = ANY (${ids}::uuid[]) AND node_id = ${session.nodeId}::uuid`;
  return rows.map((row) => row.id);
}

/** A revision is described as soon as an execution has come with it, or a newer one, and no execution is missing. */
function markAnnouncedAsDescribed(tx: Queryable, attemptIds: string[]) {
  return tx.$executeRaw`
    UPDATE attempt a SET described_revision = a.revision
    WHERE a.id = ANY (${attemptIds}::uuid[]) AND a.described_revision < a.revision
      AND (SELECT count(*) = a.execution_count AND COALESCE(max(e.revision) >= a.revision, true)
           FROM execution e WHERE e.attempt_id = a.id AND NOT e.gone_from_node)`;
}
