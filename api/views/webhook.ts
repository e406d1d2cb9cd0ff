import type { z } from 'zod';
import type { DeliveryRow } from '../../prisma/queries/webhooks/list-deliveries.js';
import type { WebhookRow } from '../../prisma/queries/webhooks/webhook.js';
import { iso } from '../schemas/common.js';
import type { delivery, webhook } from '../schemas/webhook.js';

export function webhookView(row: WebhookRow): z.input<typeof webhook> {
  return {
    id: row.id,
    url: row.url,
    description: row.description,
    events: row.events,
    offline_minutes: row.offlineMinutes,
    created_by: row.createdBy,
    created_at: row.createdAt.toISOString(),
    last_delivery: iso(row.lastDeliveryAt),
    last_error: row.lastError,
    failing_since: iso(row.failingSince),
    next_try_at: iso(row.probeAt),
    waiting: row.waiting,
  };
}

export function deliveryView(row: DeliveryRow): z.input<typeof delivery> {
  return {
    id: row.id,
    type: row.type,
    attempt_id: row.attemptId,
    node_id: row.nodeId,
    occurred_at: row.occurredAt.toISOString(),
    created_at: row.createdAt.toISOString(),
    state: row.state,
    tries: row.tries,
    last_status: row.lastStatus,
    last_error: row.lastError,
    last_answer: row.lastAnswer,
    next_try_at: iso(row.nextTryAt),
    delivered_at: row.state === 'delivered' ? iso(row.endedAt) : null,
    given_up_at: row.state === 'given_up' ? iso(row.endedAt) : null,
  };
}
