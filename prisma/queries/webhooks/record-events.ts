import type { SyncState } from '../../../protocol/frames.js';
import type { Queryable } from '../../database.js';
import type { FeedState, NumberedChange } from '../feed/numbered-change.js';

/** What webhooks can be told of an attempt. */
export type AttemptEventType = 'attempt.ended' | 'attempt.complete' | 'attempt.unavailable';

/**
 * Makes the events of the changes for the webhooks that want them, in the transaction that numbers the changes: nothing
 * is told twice or forgotten. Costs one statement, and none if nothing has happened that webhooks are told.
 */
export async function recordEvents(tx: Queryable, changes: NumberedChange[]): Promise<void> {
  const events = changes.flatMap((change) => eventsOf(change).map((type) => ({ ...change, type })));
  if (events.length === 0) return;
  await tx.$executeRaw`
    INSERT INTO webhook_event (id, webhook_id, organization_id, type, subject_id, attempt_id, node_id, position, status,
                               sync_state)
    SELECT gen_random_uuid(), webhook.id, webhook.organization_id, event.type, event.attempt_id, event.attempt_id, event.node_id,
           event.position, event.status, event.sync_state
    FROM unnest(${events.map(({ organizationId }) => organizationId)}::uuid[],
                ${events.map(({ type }) => type)}::text[], ${events.map(({ attemptId }) => attemptId)}::uuid[],
                ${events.map(({ nodeId }) => nodeId)}::uuid[], ${events.map(({ position }) => position)}::bigint[],
                ${events.map(({ after }) => after?.status ?? null)}::text[],
                ${events.map(({ after }) => after?.syncState ?? null)}::text[],
                ${events.map(({ before }) => before === null)}::boolean[])
      WITH ORDINALITY AS event (organization_id, type, attempt_id, node_id, position, status, sync_state, is_first, place)
    JOIN webhook ON webhook.organization_id = event.organization_id AND event.type = ANY (webhook.events)
      -- the feed may come to an attempt long after it arrived: when it is new itself
      AND (NOT event.is_first OR EXISTS (
        SELECT FROM attempt a WHERE a.id = event.attempt_id AND a.arrived_at >= webhook.created_at))
    ORDER BY event.place
    ON CONFLICT (webhook_id, subject_id, type, position) DO NOTHING`;
}

/**
 * @returns the types of the events that the change is, in the order in which they are told. An attempt that has ended, and
 * runs again and ends again, has ended again.
 */
export function eventsOf({ before, after }: Pick<NumberedChange, 'before' | 'after'>): AttemptEventType[] {
  if (!after) return [];
  const has = (state: SyncState) => after.syncState === state && before?.syncState !== state;
  const events: AttemptEventType[] = [];
  const isNew = !before || !hasEnded(before) || after.endedExecutions > before.endedExecutions;
  if (hasEnded(after) && isNew) events.push('attempt.ended');
  if (has('complete')) events.push('attempt.complete');
  if (has('unavailable')) events.push('attempt.unavailable');
  return events;
}

const hasEnded = ({ status }: FeedState) => status !== null && status !== 'running';
