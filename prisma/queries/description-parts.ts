/**
 * The parts of a node's description that is not whole yet. They are kept until it is, so that a description that takes
 * longer than a backfill's step goes on in the next one.
 */
import { Prisma, type Queryable } from '../database.js';
import type { SessionFence } from '../session.js';

/** Where a part stands in its description. */
export interface PartPlace {
  /** The number of parts before it. */
  part: number;
  /** The lowest of the attempt's revisions in this part and those before it. */
  revision: bigint;
}

interface Part extends PartPlace {
  attemptId: string;
  executionIds: string[];
}

/** What the hive has of a node's description of an attempt. */
export interface KeptDescription {
  describedRevision: bigint;
  /** Whether the newest known revision is described. */
  isDescribed: boolean;
  /** The parts of one that is not whole yet: where it goes on. Null if there are none. */
  kept: (PartPlace & { lastExecutionId: string; executions: number }) | null;
}

/** @returns undefined if the hive does not know the attempt */
export async function findDescription(db: Queryable, attemptId: string): Promise<KeptDescription | undefined> {
  const [row] = await db.$queryRaw<
    {
      describedRevision: bigint;
      isDescribed: boolean;
      parts: number | null;
      revision: bigint;
      executions: number;
      lastExecutionId: string;
    }[]
  >`
    SELECT a.described_revision AS "describedRevision", a.described_revision >= a.revision AS "isDescribed",
           kept.parts, kept.revision, kept.executions, kept.last AS "lastExecutionId"
    FROM attempt a LEFT JOIN LATERAL (
      SELECT max(part) + 1 AS parts, min(revision) AS revision, sum(cardinality(execution_ids))::int AS executions,
             (array_agg(execution_ids[cardinality(execution_ids)] ORDER BY part DESC))[1] AS last
      FROM description_part WHERE attempt_id = a.id
    ) kept ON true
    WHERE a.id = ${attemptId}::uuid`;
  if (!row) return undefined;
  const { parts, revision, executions, lastExecutionId, ...known } = row;
  return { ...known, kept: parts === null ? null : { part: parts, revision, executions, lastExecutionId } };
}

/**
 * Keeps a part after which more are to follow. The first part replaces those of an earlier description.
 * @returns false if another part has been kept in its place: somebody else has gone on with the description
 */
export async function keepPart(tx: Queryable, session: SessionFence, kept: Part): Promise<boolean> {
  const { attemptId, part, revision, executionIds } = kept;
  if (part === 0) await forgetDescription(tx, attemptId);
  const inserted = await tx.$executeRaw`
    INSERT INTO description_part (attempt_id, part, revision, execution_ids)
    SELECT id, ${part}::int, ${revision}::bigint, ${executionIds}::uuid[]
    FROM attempt WHERE id = ${attemptId}::uuid AND node_id = ${session.nodeId}::uuid
    ON CONFLICT DO NOTHING`;
  return inserted === 1;
}

/**
 * Ends a description with its last part: executions that no part lists no longer count, unless they changed after the
 * revision that the whole description is true of.
 */
export async function endDescription(tx: Queryable, session: SessionFence, last: Part): Promise<void> {
  const { attemptId, part, revision, executionIds } = last;
  const notListedBefore =
    part === 0
      ? Prisma.empty
      : Prisma.sql`AND id NOT IN (SELECT unnest(execution_ids) FROM description_part WHERE attempt_id = ${attemptId}::uuid)`;
  await tx.$executeRaw`
    UPDATE execution SET gone_from_node = true
    WHERE attempt_id = ${attemptId}::uuid AND node_id = ${session.nodeId}::uuid AND revision <= ${revision}
      AND NOT id = ANY (${executionIds}::uuid[]) ${notListedBefore}`;
  await tx.$executeRaw`
    WITH forgotten AS (DELETE FROM description_part WHERE attempt_id = ${attemptId}::uuid)
    UPDATE attempt SET described_revision = GREATEST(described_revision, ${revision}::bigint)
    WHERE id = ${attemptId}::uuid AND node_id = ${session.nodeId}::uuid`;
}

/** Forgets the parts that are kept, so that the next description begins at the first. */
export async function forgetDescription(db: Queryable, attemptId: string): Promise<void> {
  await db.$executeRaw`DELETE FROM description_part WHERE attempt_id = ${attemptId}::uuid`;
}
