/** Sends the next event of a webhook for one attempt or node, if it is time for it. */
import { Webhook } from 'standardwebhooks';
import type { Logger } from 'pino';
import type { Database } from '../../prisma/database.js';
import { nextEvent, type NextEvent } from '../../prisma/queries/webhooks/next-event.js';
import {
  claimProbe,
  giveUp,
  settleDelivered,
  settleFailed,
  type Pauses,
} from '../../prisma/queries/webhooks/settle-event.js';
import { payloadOf } from './payload.js';
import type { Places } from './places.js';
import { send, SEND_TIMEOUT_MS, type SendOptions, type Sent } from './send.js';

export interface WebhookActivityDeps {
  database: Database;
  logger: Logger;
  webhooks: SendOptions & {
    /** @default PAUSES */
    pauses?: Pauses;
    /** How long an event is tried. @default TRIED_FOR_MS */
    triedForMs?: number;
  };
}

/** Only ids, codes and times: it enters a workflow's history. */
export interface Delivery {
  /** `waits`: it is not its time, or others of the webhook are under way. */
  outcome: 'delivered' | 'failed' | 'given_up' | 'waits' | 'nothing_waits';
  /** After how long to ask again. @default 0 */
  waitMs?: number;
}

/** Between the tries of an event; each pause is twice the one before, up to the longest. */
export const PAUSES: Pauses = { firstMs: 5000, maxMs: 10 * 60_000 };
/** An event that has not been taken for a day is given up, so that the next one gets its turn. */
export const TRIED_FOR_MS = 24 * 3_600_000;
/** Around how long to wait for one of the webhook's places. */
const BUSY_MS = 1000;
/** Added to the time of the request itself: reading and writing its rows. */
const PROBE_GRACE_MS = 5000;

/** Bounded by the request's timeout. A try that is repeated because its hive died may send the event twice. */
export async function deliverNext(
  deps: WebhookActivityDeps,
  places: Places,
  { webhookId, subjectId }: { webhookId: string; subjectId: string },
): Promise<Delivery> {
  const { database, webhooks } = deps;
  const event = await nextEvent(database, { webhookId, subjectId, triedForMs: webhooks.triedForMs ?? TRIED_FOR_MS });
  if (!event) return { outcome: 'nothing_waits' };
  if (event.isTooOld) {
    await giveUp(database, event.id, 'receiver_failing');
    return { outcome: 'given_up' };
  }
  const isTest = event.type === 'webhook.test';
  if (event.waitMs > 0 && !isTest) return { outcome: 'waits', waitMs: spread(event.waitMs) };
  const delivery = await places.take({ webhookId, organizationId: event.organizationId }, async () => {
    const body = await payloadOf(database, event);
    if (body === undefined) {
      await giveUp(database, event.id, 'deleted');
      return { outcome: 'given_up' } as const;
    }
    const forMs = (webhooks.timeoutMs ?? SEND_TIMEOUT_MS) + PROBE_GRACE_MS;
    const isProbe = event.isFailing && !isTest;
    if (isProbe && !(await claimProbe(database, webhookId, forMs))) return undefined;
    return tryToDeliver(deps, webhookId, event, body);
  });
  return delivery ?? { outcome: 'waits', waitMs: spread(BUSY_MS) };
}

async function tryToDeliver(
  deps: WebhookActivityDeps,
  webhookId: string,
  event: NextEvent,
  body: string,
): Promise<Delivery> {
  const { database, webhooks, logger } = deps;
  const began = performance.now();
  const sent = await send(event.url, signedHeaders(event, body), body, webhooks);
  if (sent.error === undefined) {
    await settleDelivered(database, webhookId, event.id, sent.status ?? 0);
    return { outcome: 'delivered' };
  }
  const givesUp = event.type === 'webhook.test';
  const waitMs = await settleFailed(database, {
    ...(webhooks.pauses ?? PAUSES),
    ...sent,
    webhookId,
    eventId: event.id,
    tookMs: performance.now() - began,
    isEventAlone: givesUp || refusesEventAlone(sent),
    givesUp,
    ...(sent.retryAfterMs !== undefined && { wishedMs: sent.retryAfterMs }),
  });
  // neither the address nor what it answered: both can hold secrets
  logger.info(
    { webhookId, eventId: event.id, code: sent.error, tries: event.tries + 1 },
    'a webhook was not delivered',
  );
  return givesUp ? { outcome: 'given_up' } : { outcome: 'failed', waitMs: spread(waitMs) };
}

/** A receiver that works and refuses something: it is asked about other events as before. */
function refusesEventAlone({ status = 0 }: Sent): boolean {
  return status >= 400 && status < 500 && ![401, 403, 404, 408, 410, 429].includes(status);
}

function signedHeaders({ id, secrets }: NextEvent, body: string): Record<string, string> {
  const now = new Date();
  return {
    'content-type': 'application/json',
    'user-agent': 'hivesync-webhooks',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, now, body)).join(' '),
  };
}

/** So that those who wait for the same moment don't come at the same moment. */
function spread(ms: number): number {
  return Math.ceil(ms * (1 + Math.random() / 10) + 1);
}
