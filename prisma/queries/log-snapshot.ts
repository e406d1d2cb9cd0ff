import { Prisma } from '../database.js';
import type { SyncState } from '../generated/client.js';
import type { OrganizationScope } from '../organization-scope.js';
import { UNFINISHED } from './read-log.js';

/** How far a log is read, of each execution: the listed ones to a line, others up to `through` to their end. */
export interface LogBounds {
  through: number;
  /** The last line, by the execution's ordinal. */
  positions: ReadonlyMap<number, number>;
}

export interface LogSnapshotRow {
  state: SyncState;
  /** Executions under the filter. */
  executions: number;
  unfinished: boolean;
  through: number;
  /** Of executions of which more lines may come, or of the one that was asked for; with the lines stored of each. */
  ordinals: number[];
  storedLines: number[];
  /** All lines within the bounds. */
  lines: bigint;
  /** Differs if any of the lines differ. */
  version: string;
}

/**
 * What there is of a log now.
 * @param bounds only what is within them is looked at. @default everything
 * @returns undefined if the organisation has no such attempt
 */
export async function findLogSnapshot(
  scope: OrganizationScope,
  attemptId: string,
  executionId: string | undefined,
  bounds?: LogBounds,
): Promise<LogSnapshotRow | undefined> {
  const isOne = executionId !== undefined;
  const [ordinals, lines] = [[...(bounds?.positions.keys() ?? [])], [...(bounds?.positions.values() ?? [])]];
  const within = bounds
    ? Prisma.sql`CASE WHEN bound.line IS NOT NULL THEN least(bound.line, e.stored_lines)
                      WHEN e.ordinal <= ${bounds.through} THEN e.stored_lines ELSE 0 END`
    : Prisma.sql`e.stored_lines`;
  const [row] = await scope.query<LogSnapshotRow>(Prisma.sql`
    SELECT s.state, count(e.id)::int AS executions, coalesce(bool_or(${UNFINISHED}), false) AS unfinished,
           coalesce(max(e.ordinal), 0) AS through,
           coalesce(array_agg(e.ordinal ORDER BY e.ordinal) FILTER (WHERE ${isOne} OR ${UNFINISHED}), '{}') AS ordinals,
           coalesce(array_agg(e.stored_lines ORDER BY e.ordinal) FILTER (WHERE ${isOne} OR ${UNFINISHED}), '{}') AS "storedLines",
           coalesce(sum(within.lines), 0)::bigint AS lines,
           md5(coalesce(string_agg(concat_ws(' ', e.ordinal, e.id, e.stored_epoch, within.lines), ',' ORDER BY e.ordinal)
                          FILTER (WHERE within.lines > 0), '')) AS version
    FROM attempt a
    JOIN attempt_sync s ON s.attempt_id = a.id
    LEFT JOIN execution e ON e.attempt_id = a.id ${isOne ? Prisma.sql`AND e.id = ${executionId}::uuid` : Prisma.empty}
    LEFT JOIN unnest(${ordinals}::int[], ${lines}::int[]) AS bound (ordinal, line) ON bound.ordinal = e.ordinal
    CROSS JOIN LATERAL (SELECT ${within} AS lines) within
    WHERE a.id = ${attemptId}::uuid AND a.organization_id = ${scope.organizationId}::uuid
    GROUP BY s.state`);
  return row;
}
