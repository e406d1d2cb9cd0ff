import type { Queryable } from '../database.js';

/** Where a listing goes on: the last attempt it gave. */
export interface AttemptCursor {
  createdAt: string;
  attemptId: string;
}

/** Attempts of the node that need a backfill now, newest first. `createdAt` keeps PostgreSQL's microseconds. */
export function listNeedingBackfill(
  db: Queryable,
  nodeId: string,
  after: AttemptCursor | undefined,
  limit: number,
): Promise<AttemptCursor[]> {
  return db.$queryRaw<AttemptCursor[]>`
    SELECT attempt_id AS "attemptId", attempt_created_at::text AS "createdAt" FROM attempt_sync
    WHERE node_id = ${nodeId}::uuid AND needs_backfill AND state <> 'complete' AND NOT paused
      AND state = 'partial' AND (retry_at IS NULL OR retry_at <= now())
      AND (attempt_created_at, attempt_id) <
          (COALESCE(${after?.createdAt ?? null}::timestamptz, 'infinity'), COALESCE(${after?.attemptId ?? null}::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
    ORDER BY attempt_created_at DESC, attempt_id DESC LIMIT ${limit}`;
}
