import type { Queryable } from '../database.js';

export interface AttemptLines {
  executions: number;
  linesDeclared: number;
  linesStored: number;
}

/** What the node declares and what the hive has stored of the attempt, over its executions. */
export async function countAttemptLines(db: Queryable, attemptId: string): Promise<AttemptLines> {
  const [row] = await db.$queryRaw<AttemptLines[]>`
    SELECT count(*)::int AS executions, COALESCE(sum(declared_lines), 0)::float8 AS "linesDeclared",
           COALESCE(sum(stored_lines) FILTER (WHERE stored_epoch = log_epoch), 0)::float8 AS "linesStored"
    FROM execution WHERE attempt_id = ${attemptId}::uuid AND NOT gone_from_node`;
  return row ?? { executions: 0, linesDeclared: 0, linesStored: 0 };
}
