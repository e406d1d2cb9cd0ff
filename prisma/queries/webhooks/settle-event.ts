/** What a try to deliver an event changes. */
import type { Queryable } from '../../database.js';

/** How a receiver answered; `error` is a code of ours, `answer` text of its own. */
export interface Answer {
  status?: number;
  error?: string;
  answer?: string;
}

/**
 * Lets one request try a receiver that fails; all others wait for its answer.
 * @param forMs longer than the request takes
 * @returns false if another request tries it already
 */
export async function claimProbe(db: Queryable, webhookId: string, forMs: number): Promise<boolean> {
  const claimed = await db.$executeRaw`
    UPDATE webhook SET probe_at = now() + make_interval(secs => ${forMs / 1000})
    WHERE id = ${webhookId}::uuid AND failing_since IS NOT NULL AND COALESCE(probe_at, '-infinity') <= now()`;
  return claimed > 0;
}

/** The event has been taken. If its receiver failed before, everything that waits for it is handed over at once. */
export async function settleDelivered(db: Queryable, webhookId: string, eventId: string, status: number) {
  await db.$executeRaw`
    WITH former AS MATERIALIZED (
      SELECT id, failing_since FROM webhook WHERE id = ${webhookId}::uuid FOR UPDATE
    ), working AS (
      UPDATE webhook w SET last_delivery_at = now(), last_error = NULL, failing_since = NULL, failed_at = NULL,
        failures = 0, probe_at = NULL
      FROM former WHERE w.id = former.id
    ), awake AS (
      UPDATE webhook_event e SET handed_at = NULL FROM former
      WHERE e.webhook_id = former.id AND former.failing_since IS NOT NULL AND e.state = 'waiting'
        AND e.handed_at IS NOT NULL AND e.id <> ${eventId}::uuid
    )
    UPDATE webhook_event SET state = 'delivered', tries = tries + 1, last_status = ${status}, last_error = NULL,
      last_answer = NULL, next_try_at = NULL, ended_at = now()
    WHERE id = ${eventId}::uuid`;
}

/** The pauses between tries. @format ms */
export interface Pauses {
  firstMs: number;
  maxMs: number;
}

export interface FailedTry extends Answer, Pauses {
  webhookId: string;
  eventId: string;
  /** How long the request took: requests at the same time count as one failure. @format ms */
  tookMs: number;
  /** Whether the receiver works, and refuses this event alone. */
  isEventAlone: boolean;
  /** The receiver asked for a longer pause. @format ms */
  wishedMs?: number;
  /** It is not tried again. */
  givesUp?: boolean;
}

/** @returns how long the event waits now, in ms */
export async function settleFailed(db: Queryable, failed: FailedTry): Promise<number> {
  const { webhookId, eventId, tookMs, isEventAlone, firstMs, maxMs, wishedMs = 0, givesUp = false } = failed;
  const { status = null, error = null, answer = null } = failed;
  const [row] = await db.$queryRaw<{ waitMs: number }[]>`
    WITH former AS MATERIALIZED (
      SELECT id, failures + CASE WHEN failed_at > now() - make_interval(secs => ${tookMs / 1000}) THEN 0 ELSE 1 END AS failures
      FROM webhook WHERE id = ${webhookId}::uuid FOR UPDATE
    ), pause AS (
      SELECT now() + make_interval(secs => GREATEST(${wishedMs}, LEAST(${maxMs}, ${firstMs} * 2.0 ^ LEAST(
        CASE WHEN ${isEventAlone} THEN (SELECT tries FROM webhook_event WHERE id = ${eventId}::uuid)
             ELSE former.failures - 1 END, 30))) / 1000) AS until
      FROM former
    ), failing AS (
      UPDATE webhook w SET last_error = ${error}, failing_since = COALESCE(w.failing_since, now()), failed_at = now(),
        failures = former.failures, probe_at = pause.until
      FROM former, pause WHERE w.id = former.id AND NOT ${isEventAlone}
    )
    UPDATE webhook_event e SET tries = e.tries + 1, last_status = ${status}, last_error = ${error},
      last_answer = ${answer}, next_try_at = CASE WHEN ${givesUp} THEN NULL ELSE pause.until END, handed_at = now(),
      state = CASE WHEN ${givesUp} THEN 'given_up' ELSE e.state END, ended_at = CASE WHEN ${givesUp} THEN now() END
    FROM pause WHERE e.id = ${eventId}::uuid
    RETURNING (extract(epoch FROM pause.until - now()) * 1000)::float8 AS "waitMs"`;
  return row?.waitMs ?? 0;
}

/** Ends an event that is not tried any more. @param error why, unless a try has failed before */
export async function giveUp(db: Queryable, eventId: string, error: string): Promise<void> {
  await db.$executeRaw`
    UPDATE webhook_event SET state = 'given_up', ended_at = now(), next_try_at = NULL,
      last_error = COALESCE(last_error, ${error})
    WHERE id = ${eventId}::uuid AND state = 'waiting'`;
}
