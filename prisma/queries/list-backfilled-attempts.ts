import type { SyncState } from '../generated/client.js';
import type { AttemptSync } from '../../protocol/frames.js';
import { Prisma } from '../database.js';
import type { OrganizationScope } from '../organization-scope.js';
import { SHOWN_EXECUTION } from './attempt-executions.js';

/** What a list of backfills shows of an attempt, as it is now. */
export interface BackfilledAttemptRow {
  id: string;
  metadata: AttemptSync;
  command: string | null;
  nodeName: string;
  state: SyncState;
  lastError: string | null;
  unavailableReason: string | null;
  linesDeclared: number;
  linesStored: number;
}

/** @returns the attempts by their ids, without those that the organisation does not have, or no longer */
export async function listBackfilledAttempts(
  scope: OrganizationScope,
  attemptIds: string[],
): Promise<Map<string, BackfilledAttemptRow>> {
  if (attemptIds.length === 0) return new Map();
  const rows = await scope.query<BackfilledAttemptRow>(Prisma.sql`
    SELECT a.id, a.metadata, shown.command, n.name AS "nodeName", s.state,
           s.last_error AS "lastError", s.unavailable_reason AS "unavailableReason",
           COALESCE(shown.lines_declared, 0)::float8 AS "linesDeclared",
           COALESCE(shown.lines_stored, 0)::float8 AS "linesStored"
    FROM attempt a
    JOIN attempt_sync s ON s.attempt_id = a.id
    JOIN node n ON n.id = a.node_id
    ${SHOWN_EXECUTION}
    WHERE a.id = ANY (${attemptIds}::uuid[]) AND a.organization_id = ${scope.organizationId}::uuid`);
  return new Map(rows.map((row) => [row.id, row]));
}
