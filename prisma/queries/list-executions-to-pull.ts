import type { ExecutionStatus } from '../../protocol/frames.js';
import type { Queryable } from '../database.js';
import { NEEDS_PULL, STORED_LINES } from './stored-lines.js';

export interface ExecutionToPull {
  executionId: string;
  ordinal: number;
  status: ExecutionStatus;
  logEpoch: number;
  declaredLines: number;
  /** Lines of the present epoch that are stored: the pull goes on after them. */
  storedLines: number;
}

/** The attempt's executions after an ordinal with missing lines that only a pull brings, in their order. */
export function listExecutionsToPull(
  db: Queryable,
  attemptId: string,
  afterOrdinal: number,
  limit: number,
): Promise<ExecutionToPull[]> {
  return db.$queryRaw`
    SELECT e.id AS "executionId", e.ordinal, e.status, e.log_epoch AS "logEpoch", e.declared_lines AS "declaredLines",
           ${STORED_LINES} AS "storedLines"
    FROM execution e
    WHERE e.attempt_id = ${attemptId}::uuid AND e.ordinal > ${afterOrdinal}::int AND NOT e.gone_from_node AND ${NEEDS_PULL}
    ORDER BY e.ordinal LIMIT ${limit}`;
}
