import { Prisma } from '../../database.js';
import type { WebhookEventState } from '../../generated/client.js';
import type { OrganizationScope } from '../../organization-scope.js';

export interface DeliveryRow {
  id: string;
  number: bigint;
  type: string;
  attemptId: string | null;
  nodeId: string | null;
  occurredAt: Date;
  createdAt: Date;
  state: WebhookEventState;
  tries: number;
  lastStatus: number | null;
  lastError: string | null;
  lastAnswer: string | null;
  nextTryAt: Date | null;
  endedAt: Date | null;
}

/** The webhook's events, newest first. @param before lists those with lower numbers only */
export async function listDeliveries(
  scope: OrganizationScope,
  webhookId: string,
  { state, before, limit }: { state?: WebhookEventState; before?: bigint; limit: number },
): Promise<DeliveryRow[]> {
  return scope.query(Prisma.sql`
    SELECT id, number, type, attempt_id AS "attemptId", node_id AS "nodeId", occurred_at AS "occurredAt",
           created_at AS "createdAt", state, tries, last_status AS "lastStatus", last_error AS "lastError",
           last_answer AS "lastAnswer", next_try_at AS "nextTryAt", ended_at AS "endedAt"
    FROM webhook_event
    WHERE webhook_id = ${webhookId}::uuid AND organization_id = ${scope.organizationId}::uuid
      AND (${before ?? null}::bigint IS NULL OR number < ${before ?? null}::bigint)
      AND (${state ?? null}::webhook_event_state IS NULL OR state = ${state ?? null}::webhook_event_state)
    ORDER BY number DESC LIMIT ${limit}`);
}
