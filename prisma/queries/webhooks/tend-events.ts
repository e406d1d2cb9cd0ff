/** What the schedule does for webhooks. Each statement is bounded; the next round goes on. */
import type { Queryable } from '../../database.js';
import { isTooOld } from './next-event.js';

const ROWS_A_ROUND = 10_000;
/** How long it can be seen what became of an event. */
export const KEPT_DAYS = 7;
/** A node that has been away for longer is not told any more: that it was told may have been forgotten. */
const TOLD_DAYS = KEPT_DAYS - 1;

/**
 * Makes the event node.offline for nodes that have been away for as long as a webhook wants, once each time they go
 * away. Those that had been away for that long before the webhook was made are not told.
 * @returns how many events were made
 */
export async function recordOfflineNodes(db: Queryable): Promise<number> {
  return db.$executeRaw`
    INSERT INTO webhook_event (id, webhook_id, organization_id, type, subject_id, node_id, position, occurred_at)
    SELECT gen_random_uuid(), w.id, w.organization_id, 'node.offline', away.id, away.id,
           floor(extract(epoch FROM away.since))::bigint, away.since
    FROM webhook w CROSS JOIN LATERAL (
      SELECT n.id, COALESCE(l.expires_at, n.disconnected_at) AS since
      FROM node n LEFT JOIN node_lease l ON l.node_id = n.id
      WHERE n.organization_id = w.organization_id AND COALESCE(l.expires_at, n.disconnected_at) < now()
    ) away
    WHERE 'node.offline' = ANY (w.events) AND away.since + make_interval(mins => w.offline_minutes) <= now()
      AND away.since + make_interval(mins => w.offline_minutes)
          >= GREATEST(w.created_at, now() - make_interval(days => ${TOLD_DAYS}))
      AND NOT EXISTS (SELECT FROM webhook_event e
                      WHERE e.webhook_id = w.id AND e.subject_id = away.id AND e.type = 'node.offline'
                        AND e.position = floor(extract(epoch FROM away.since))::bigint)
    LIMIT ${ROWS_A_ROUND}
    ON CONFLICT (webhook_id, subject_id, type, position) DO NOTHING`;
}

/** Gives events up that have waited for as long as they are tried. @returns how many */
export async function giveUpOld(db: Queryable, triedForMs: number): Promise<number> {
  return db.$executeRaw`
    WITH old AS (
      SELECT e.id FROM webhook_event e JOIN webhook w ON w.id = e.webhook_id
      WHERE e.state = 'waiting' AND ${isTooOld(triedForMs)}
      ORDER BY e.created_at LIMIT ${ROWS_A_ROUND} FOR UPDATE OF e SKIP LOCKED
    )
    UPDATE webhook_event e SET state = 'given_up', ended_at = now(), next_try_at = NULL,
      last_error = COALESCE(e.last_error, 'receiver_failing')
    FROM old WHERE e.id = old.id`;
}

/** Deletes events that ended {@link KEPT_DAYS} ago. @returns how many */
export async function deleteEndedEvents(db: Queryable): Promise<number> {
  return db.$executeRaw`
    DELETE FROM webhook_event WHERE id IN (
      SELECT id FROM webhook_event WHERE ended_at < now() - make_interval(days => ${KEPT_DAYS})
      ORDER BY ended_at LIMIT ${ROWS_A_ROUND} FOR UPDATE SKIP LOCKED
    )`;
}
