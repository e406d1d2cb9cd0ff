import { Prisma, type Queryable } from '../../database.js';
import type { OrganizationScope } from '../../organization-scope.js';
import { ATTEMPT_COLUMNS, type AttemptRow } from '../find-attempt.js';
import { SHOWN_EXECUTION } from '../attempt-executions.js';

export interface ChangeRow {
  position: bigint;
  attemptId: string;
  /** As it is now, which may be later than its position; null if it is deleted. */
  attempt: (AttemptRow & { position: bigint; changedAt: Date }) | null;
}

/** The organisation's attempts that have changed after a position, by their positions. */
export async function listChanges(scope: OrganizationScope, after: bigint, limit: number): Promise<ChangeRow[]> {
  const rows = await scope.query<
    AttemptRow & { position: bigint; attemptId: string; changedAt: Date; isThere: boolean }
  >(
    Prisma.sql`
    SELECT c.attempt_id AS "attemptId", s.attempt_id IS NOT NULL AS "isThere", ${ATTEMPT_COLUMNS}
    FROM (
      SELECT * FROM attempt_change
      WHERE organization_id = ${scope.organizationId}::uuid AND position > ${after}::bigint
      ORDER BY position LIMIT ${limit}
    ) c
    LEFT JOIN (attempt a JOIN attempt_sync s ON s.attempt_id = a.id)
      ON a.id = c.attempt_id AND a.organization_id = c.organization_id
    ${SHOWN_EXECUTION}
    ORDER BY c.position`,
  );
  return rows.map(({ attemptId, isThere, ...attempt }) => ({
    position: attempt.position,
    attemptId,
    attempt: isThere ? attempt : null,
  }));
}

/** @returns the highest position that the organisation's attempts have been given; 0 if none has */
export async function lastPosition(scope: OrganizationScope): Promise<bigint> {
  const [row] = await scope.query<{ position: bigint }>(Prisma.sql`
    SELECT COALESCE(max(position), 0) AS position FROM attempt_change
    WHERE organization_id = ${scope.organizationId}::uuid`);
  return row?.position ?? 0n;
}

/** The highest positions of several organisations; those without any are left out. */
export function listLastPositions(
  db: Queryable,
  organizationIds: string[],
): Promise<{ organizationId: string; position: bigint }[]> {
  return db.$queryRaw`
    SELECT o.id AS "organizationId", last.position FROM unnest(${organizationIds}::uuid[]) AS o (id)
    CROSS JOIN LATERAL (
      SELECT position FROM attempt_change WHERE organization_id = o.id ORDER BY position DESC LIMIT 1
    ) last`;
}
