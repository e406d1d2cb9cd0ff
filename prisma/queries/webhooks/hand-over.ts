/** Which events are given to workflows next. What is handed over is never forgotten: it is handed over again in time. */
import type { Queryable } from '../../database.js';

/** What one workflow delivers, in order: a webhook's events of one attempt or node. */
export interface WebhookSubject {
  webhookId: string;
  subjectId: string;
  organizationId: string;
}

/**
 * How many subjects of one webhook have a workflow at the same time. The others wait in the database, where they cost
 * nothing.
 */
const SUBJECTS_AT_ONCE = 50;
/** Of a webhook that fails: its next requests only tell whether it works again. */
const FAILING_SUBJECTS_AT_ONCE = 4;
/** A subject whose workflow has not tried or ended for this long may have lost it. */
const LOST_MINUTES = 15;

/**
 * Marks subjects with waiting events as handed over, the oldest first, and as many of each webhook as may run at once.
 * Several hives may call it: one of them at a time gets subjects.
 */
export function handOverSubjects(db: Queryable, limit: number): Promise<WebhookSubject[]> {
  return db.$queryRaw`
    WITH turn AS MATERIALIZED (
      SELECT pg_try_advisory_xact_lock(hashtextextended('webhook_event.handed_at', 0)) AS is_mine
    ), room AS (
      SELECT w.id, CASE WHEN w.failing_since IS NULL THEN ${SUBJECTS_AT_ONCE}::int
                        WHEN w.probe_at > now() THEN 0 ELSE ${FAILING_SUBJECTS_AT_ONCE}::int END AS places
      FROM webhook w, turn WHERE turn.is_mine
    ), picked AS (
      SELECT room.id AS webhook_id, new.subject_id
      FROM room CROSS JOIN LATERAL (
        SELECT count(DISTINCT e.subject_id)::int AS handed FROM webhook_event e
        WHERE e.webhook_id = room.id AND e.state = 'waiting' AND e.handed_at IS NOT NULL
      ) running CROSS JOIN LATERAL (
        SELECT e.subject_id FROM webhook_event e
        WHERE e.webhook_id = room.id AND e.state = 'waiting' AND e.handed_at IS NULL
        ORDER BY e.number LIMIT GREATEST(room.places - running.handed, 0)
      ) new
      UNION
      SELECT room.id, e.subject_id FROM room JOIN webhook_event e ON e.webhook_id = room.id AND e.subject_id = room.id
      WHERE e.state = 'waiting' AND e.handed_at IS NULL
      LIMIT ${limit}
    )
    , handed AS (
      UPDATE webhook_event e SET handed_at = now() FROM picked
      WHERE e.webhook_id = picked.webhook_id AND e.subject_id = picked.subject_id AND e.state = 'waiting'
      RETURNING e.webhook_id, e.subject_id, e.organization_id
    )
    SELECT DISTINCT webhook_id AS "webhookId", subject_id AS "subjectId", organization_id AS "organizationId"
    FROM handed`;
}

/** Takes back what no workflow could be started for. */
export async function takeBack(db: Queryable, subjects: WebhookSubject[]): Promise<void> {
  await db.$executeRaw`
    UPDATE webhook_event e SET handed_at = NULL
    FROM unnest(${subjects.map(({ webhookId }) => webhookId)}::uuid[],
                ${subjects.map(({ subjectId }) => subjectId)}::uuid[]) AS subject (webhook_id, id)
    WHERE e.webhook_id = subject.webhook_id AND e.subject_id = subject.id AND e.state = 'waiting'`;
}

/** Lets what may have lost its workflow be handed over again. A workflow that runs is only told to look. */
export async function takeBackLost(db: Queryable): Promise<number> {
  return db.$executeRaw`
    UPDATE webhook_event SET handed_at = NULL
    WHERE state = 'waiting' AND handed_at < now() - make_interval(mins => ${LOST_MINUTES})`;
}
