import type { ExecutionStatus } from '../../protocol/frames.js';
import type { Queryable } from '../database.js';

export interface ExecutionToPull {
  executionId: string;
  status: ExecutionStatus;
  logEpoch: number;
  declaredLines: number;
  /** Lines of the present epoch that are stored: the pull goes on after them. */
  storedLines: number;
}

/** Executions of the attempt with lines that the hive lacks and that only a pull brings, in their order. */
export function listExecutionsToPull(db: Queryable, attemptId: string, limit: number): Promise<ExecutionToPull[]> {
  return db.$queryRaw<ExecutionToPull[]>`
    SELECT id AS "executionId", status, log_epoch AS "logEpoch", declared_lines AS "declaredLines",
           CASE WHEN stored_epoch = log_epoch THEN stored_lines ELSE 0 END AS "storedLines"
    FROM execution
    WHERE attempt_id = ${attemptId}::uuid AND NOT gone_from_node AND set_aside_reason IS NULL
      AND CASE status WHEN 'running' THEN has_gap ELSE stored_epoch <> log_epoch OR stored_lines <> declared_lines END
    ORDER BY ordinal LIMIT ${limit}`;
}
