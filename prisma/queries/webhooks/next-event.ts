import { Prisma, type Queryable } from '../../database.js';
import type { ExecutionStatus, SyncState } from '../../../protocol/frames.js';

/** The event that a workflow delivers next, and what is needed for it. */
export interface NextEvent {
  id: string;
  type: string;
  organizationId: string;
  attemptId: string | null;
  nodeId: string | null;
  position: bigint;
  status: ExecutionStatus | null;
  syncState: SyncState | null;
  occurredAt: Date;
  tries: number;
  url: string;
  /** What signs it, the newest first. Never to be logged, nor to enter a history. */
  secrets: string[];
  isFailing: boolean;
  /** How long its webhook, or this event alone, is to be left in peace. @format ms */
  waitMs: number;
  /** It has waited for as long as an event is tried, and not only for the hive. */
  isTooOld: boolean;
}

/** How many times as long an event waits that has not been tried. */
const UNTRIED = 7;

/**
 * Condition on an event `e` and its webhook `w`: it was tried in vain for so long, or waited for a receiver that fails.
 * What only waited for a hive or for Temporal waits a week.
 */
export function isTooOld(triedForMs: number): Prisma.Sql {
  const olderThan = (ms: number) => Prisma.sql`e.created_at < now() - make_interval(secs => ${ms / 1000})`;
  return Prisma.sql`
    (${olderThan(triedForMs)} AND (e.tries > 0 OR w.failing_since IS NOT NULL OR ${olderThan(UNTRIED * triedForMs)}))`;
}

/** @returns the first event of the subject that waits; undefined if there is none, or the webhook is gone */
export async function nextEvent(
  db: Queryable,
  { webhookId, subjectId, triedForMs }: { webhookId: string; subjectId: string; triedForMs: number },
): Promise<NextEvent | undefined> {
  const [event] = await db.$queryRaw<NextEvent[]>`
    SELECT e.id, e.type, e.organization_id AS "organizationId", e.attempt_id AS "attemptId", e.node_id AS "nodeId",
           e.position, e.status, e.sync_state AS "syncState", e.occurred_at AS "occurredAt", e.tries, w.url,
           CASE WHEN w.former_secret_until > now() THEN ARRAY[w.secret, w.former_secret] ELSE ARRAY[w.secret] END AS secrets,
           w.failing_since IS NOT NULL AS "isFailing",
           GREATEST(extract(epoch FROM GREATEST(w.probe_at, e.next_try_at) - now()) * 1000, 0)::float8 AS "waitMs",
           ${isTooOld(triedForMs)} AS "isTooOld"
    FROM webhook_event e JOIN webhook w ON w.id = e.webhook_id
    WHERE e.webhook_id = ${webhookId}::uuid AND e.subject_id = ${subjectId}::uuid AND e.state = 'waiting'
    ORDER BY e.position, e.number LIMIT 1`;
  return event;
}
