/** An organisation's webhooks. A secret is in the answers that make it, and in nothing else that is read here. */
import { randomUUID } from 'node:crypto';
import { Prisma } from '../../database.js';
import type { OrganizationScope } from '../../organization-scope.js';
import { newWebhookSecret } from '../../secrets.js';

/** The maximum number of webhooks of an organisation. Requests that make one at the same time can pass it by a few. */
export const MAX_WEBHOOKS = 20;
/** How long a secret that has been replaced still signs. */
const FORMER_SECRET_HOURS = 24;

export interface WebhookRow {
  id: string;
  url: string;
  description: string;
  events: string[];
  offlineMinutes: number;
  createdBy: string | null;
  createdAt: Date;
  lastDeliveryAt: Date | null;
  lastError: string | null;
  failingSince: Date | null;
  probeAt: Date | null;
  /** How many events wait for their delivery. */
  waiting: number;
}

export interface NewWebhook {
  url: string;
  description: string;
  events: string[];
  offlineMinutes: number;
  createdBy: string;
}

const COLUMNS = Prisma.sql`
  w.id, w.url, w.description, w.events, w.offline_minutes AS "offlineMinutes", w.created_by AS "createdBy",
  w.created_at AS "createdAt", w.last_delivery_at AS "lastDeliveryAt", w.last_error AS "lastError",
  w.failing_since AS "failingSince", w.probe_at AS "probeAt"`;
const WAITING = Prisma.sql`
  (SELECT count(*)::int FROM webhook_event e WHERE e.webhook_id = w.id AND e.state = 'waiting') AS waiting`;

/** @returns undefined if the organisation has {@link MAX_WEBHOOKS} already */
export async function createWebhook(
  scope: OrganizationScope,
  { url, description, events, offlineMinutes, createdBy }: NewWebhook,
): Promise<{ webhook: WebhookRow; secret: string } | undefined> {
  const secret = newWebhookSecret();
  const { organizationId } = scope;
  const [webhook] = await scope.query<WebhookRow>(Prisma.sql`
    INSERT INTO webhook AS w (id, organization_id, url, description, events, offline_minutes, secret, created_by)
    SELECT ${randomUUID()}::uuid, ${organizationId}::uuid, ${url}, ${description}, ${events}::text[], ${offlineMinutes},
           ${secret}, ${createdBy}::uuid
    WHERE (SELECT count(*) FROM webhook WHERE organization_id = ${organizationId}::uuid) < ${MAX_WEBHOOKS}
    RETURNING ${COLUMNS}, 0 AS waiting`);
  return webhook && { webhook, secret };
}

/** Oldest first. */
export async function listWebhooks(scope: OrganizationScope): Promise<WebhookRow[]> {
  return scope.query(Prisma.sql`
    SELECT ${COLUMNS}, ${WAITING} FROM webhook w WHERE w.organization_id = ${scope.organizationId}::uuid
    ORDER BY w.created_at, w.id`);
}

/** @returns undefined if the organisation has none with this id */
export async function findWebhook(scope: OrganizationScope, id: string): Promise<WebhookRow | undefined> {
  const [webhook] = await scope.query<WebhookRow>(Prisma.sql`
    SELECT ${COLUMNS}, ${WAITING} FROM webhook w
    WHERE w.id = ${id}::uuid AND w.organization_id = ${scope.organizationId}::uuid`);
  return webhook;
}

/**
 * Deletes a webhook and its events; what is being delivered ends.
 * @returns false if the organisation has none with this id
 */
export async function deleteWebhook(scope: OrganizationScope, id: string): Promise<boolean> {
  const deleted = await scope.execute(Prisma.sql`
    DELETE FROM webhook WHERE id = ${id}::uuid AND organization_id = ${scope.organizationId}::uuid`);
  return deleted > 0;
}

/**
 * Gives a webhook a new secret. The former one signs too for a day, so that its receiver can change over.
 * @returns the new secret; undefined if the organisation has no such webhook
 */
export async function rotateWebhookSecret(scope: OrganizationScope, id: string): Promise<string | undefined> {
  const secret = newWebhookSecret();
  const changed = await scope.execute(Prisma.sql`
    UPDATE webhook SET secret = ${secret}, former_secret = secret,
      former_secret_until = now() + make_interval(hours => ${FORMER_SECRET_HOURS})
    WHERE id = ${id}::uuid AND organization_id = ${scope.organizationId}::uuid`);
  return changed > 0 ? secret : undefined;
}

/**
 * Makes an event that tells nothing, to try the receiver.
 * @returns its id; undefined if the organisation has no such webhook, or a test of it waits already
 */
export async function testWebhook(scope: OrganizationScope, id: string): Promise<string | undefined> {
  const [event] = await scope.query<{ id: string }>(Prisma.sql`
    INSERT INTO webhook_event (id, webhook_id, organization_id, type, subject_id, position)
    SELECT gen_random_uuid(), w.id, w.organization_id, 'webhook.test', w.id, extract(epoch FROM clock_timestamp()) * 1000000
    FROM webhook w
    WHERE w.id = ${id}::uuid AND w.organization_id = ${scope.organizationId}::uuid
      AND NOT EXISTS (SELECT FROM webhook_event e WHERE e.webhook_id = w.id AND e.subject_id = w.id AND e.state = 'waiting')
    RETURNING id`);
  return event?.id;
}
