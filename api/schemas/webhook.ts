import { z } from 'zod';
import { MAX_WEBHOOKS } from '../../prisma/queries/webhooks/webhook.js';
import { uuid } from '../../protocol/uuid.js';
import { count, nullableTime, organizationId, pageLimit, queryInteger, storedText, time } from './common.js';

export const MAX_URL_LENGTH = 2048;
export const MAX_OFFLINE_MINUTES = 7 * 24 * 60 - 24 * 60;
export const DEFAULT_OFFLINE_MINUTES = 10;
export const WEBHOOK_EVENTS = ['attempt.ended', 'attempt.complete', 'attempt.unavailable', 'node.offline'] as const;

const eventType = z.enum(WEBHOOK_EVENTS);

export const webhook = z
  .strictObject({
    id: uuid,
    url: z.string(),
    description: z.string(),
    events: z.array(z.string()).meta({ description: `Of ${WEBHOOK_EVENTS.join(', ')}.` }),
    offline_minutes: z
      .int()
      .meta({ description: 'For `node.offline`: how long a node has been away when it is told.' }),
    created_by: uuid.nullable(),
    created_at: time,
    last_delivery: nullableTime.meta({ description: 'When the receiver last took an event.' }),
    last_error: z.string().nullable().meta({ description: 'A code, while the receiver fails: see `failing_since`.' }),
    failing_since: nullableTime.meta({
      description:
        'Since when the receiver has taken nothing. Then only one request at a time tries it, ever more rarely.',
    }),
    next_try_at: nullableTime.meta({ description: 'When a failing receiver is tried next.' }),
    waiting: count.meta({ description: 'How many events wait for their delivery.' }),
  })
  .meta({ id: 'Webhook', description: 'A program of the organisation that is told what happens (docs/webhooks.md).' });

export const webhookList = z.array(webhook);

export const newWebhook = z
  .strictObject({
    url: storedText(MAX_URL_LENGTH).min(1).meta({ description: 'http or https, without a user name or a password.' }),
    description: storedText(200).trim().default(''),
    events: z
      .array(eventType)
      .min(1)
      .max(WEBHOOK_EVENTS.length)
      .default([...WEBHOOK_EVENTS])
      .transform((events) => [...new Set(events)]),
    offline_minutes: z.int().min(1).max(MAX_OFFLINE_MINUTES).default(DEFAULT_OFFLINE_MINUTES),
    organization_id: organizationId,
  })
  .meta({ id: 'NewWebhook', description: `An organisation has at most ${MAX_WEBHOOKS}.` });

const secret = z.string().meta({ description: '`whsec_` and base64. Shown only in this response.' });

export const createdWebhook = webhook.extend({ secret }).meta({ id: 'CreatedWebhook' });
export const rotatedSecret = z.strictObject({ secret }).meta({ id: 'RotatedSecret' });
export const startedTest = z.strictObject({ delivery_id: uuid }).meta({ id: 'StartedTest' });

const deliveryState = z.enum(['waiting', 'delivered', 'given_up']);

export const delivery = z
  .strictObject({
    id: uuid.meta({ description: 'The header webhook-id of each of its requests.' }),
    type: z.string(),
    attempt_id: uuid.nullable(),
    node_id: uuid.nullable(),
    occurred_at: time,
    created_at: time,
    state: deliveryState,
    tries: count,
    last_status: z
      .int()
      .nullable()
      .meta({ description: 'The HTTP status of the last answer; null if there was none.' }),
    last_error: z.string().nullable().meta({ description: 'A code: why the last try failed, or why it was given up.' }),
    last_answer: z
      .string()
      .nullable()
      .meta({ description: 'The first 200 characters of what the receiver answered. Text of the receiver’s.' }),
    next_try_at: nullableTime,
    delivered_at: nullableTime,
    given_up_at: nullableTime,
  })
  .meta({ id: 'WebhookDelivery' });

export const deliveryQuery = z.strictObject({
  state: deliveryState.optional(),
  limit: pageLimit(200).default(50),
  cursor: queryInteger(0, Number.MAX_SAFE_INTEGER, 'The `next_cursor` of the page before.').optional(),
  organization_id: organizationId,
});

export const deliveryPage = z
  .strictObject({ deliveries: z.array(delivery), next_cursor: z.string().nullable(), has_more: z.boolean() })
  .meta({ id: 'WebhookDeliveryPage' });
