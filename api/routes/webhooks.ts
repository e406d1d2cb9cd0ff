import { z } from 'zod';
import { whyRefused } from '../../backfills/receiver-address.js';
import { listDeliveries } from '../../prisma/queries/webhooks/list-deliveries.js';
import {
  createWebhook,
  deleteWebhook,
  findWebhook,
  listWebhooks,
  MAX_WEBHOOKS,
  rotateWebhookSecret,
  testWebhook,
} from '../../prisma/queries/webhooks/webhook.js';
import { uuid } from '../../protocol/uuid.js';
import type { AppDependencies } from '../dependencies.js';
import { ApiError, notFound } from '../problem.js';
import { answer, route, type Route } from '../route.js';
import { organizationQuery } from '../schemas/common.js';
import {
  createdWebhook,
  deliveryPage,
  deliveryQuery,
  newWebhook,
  rotatedSecret,
  startedTest,
  webhook,
  webhookList,
} from '../schemas/webhook.js';
import { deliveryView, webhookView } from '../views/webhook.js';

const tag = 'webhooks';
const params = z.strictObject({ id: uuid });

export function webhookRoutes({ allowsPrivateWebhooks: allowsPrivate = false }: AppDependencies): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/webhooks',
      operationId: 'listWebhooks',
      tag,
      summary: 'The organisation’s webhooks, oldest first, and whether their receivers take what they are sent',
      access: 'admin',
      query: organizationQuery,
      responses: { 200: webhookList },
      handle: async ({ scope }) => answer(200, (await listWebhooks(scope)).map(webhookView)),
    }),
    route({
      method: 'post',
      path: '/v1/webhooks',
      operationId: 'createWebhook',
      tag,
      summary: 'Have a program told what happens',
      description:
        'The hive sends a signed request (Standard Webhooks) for each event from now on, at least once, in order an ' +
        'attempt, and tries for a day. The secret is only in this response.',
      access: 'admin',
      body: newWebhook,
      responses: { 201: createdWebhook },
      errors: ['conflict'],
      handle: async ({ scope, principal, body, request }) => {
        const url = receiverUrl(body.url, allowsPrivate);
        const { description, events, offline_minutes: offlineMinutes } = body;
        const made = await createWebhook(scope, { url, description, events, offlineMinutes, createdBy: principal.id });
        if (!made) throw new ApiError('conflict', `the organisation has ${MAX_WEBHOOKS} webhooks already; delete one`);
        const { id } = made.webhook;
        // not its address, which can hold a secret
        request.log.info(
          { event: 'webhook_made', webhookId: id, createdBy: principal.id, organizationId: scope.organizationId },
          'a webhook was made',
        );
        return answer(201, { ...webhookView(made.webhook), secret: made.secret });
      },
    }),
    route({
      method: 'get',
      path: '/v1/webhooks/{id}',
      operationId: 'getWebhook',
      tag,
      summary: 'One webhook',
      access: 'admin',
      params,
      responses: { 200: webhook },
      errors: ['not_found'],
      handle: async ({ scope, params: { id } }) => {
        const found = await findWebhook(scope, id);
        if (!found) throw notFound('webhook');
        return answer(200, webhookView(found));
      },
    }),
    route({
      method: 'delete',
      path: '/v1/webhooks/{id}',
      operationId: 'deleteWebhook',
      tag,
      summary: 'Delete a webhook, and what waits for it',
      access: 'admin',
      params,
      responses: { 204: { description: 'Deleted. A request that is under way ends.' } },
      errors: ['not_found'],
      handle: async ({ scope, principal, params: { id }, request }) => {
        if (!(await deleteWebhook(scope, id))) throw notFound('webhook');
        request.log.info(
          { event: 'webhook_deleted', webhookId: id, deletedBy: principal.id, organizationId: scope.organizationId },
          'a webhook was deleted',
        );
        return answer(204);
      },
    }),
    route({
      method: 'get',
      path: '/v1/webhooks/{id}/deliveries',
      operationId: 'listWebhookDeliveries',
      tag,
      summary: 'What a webhook was told, or is to be told, newest first',
      description: 'Events that were delivered or given up are listed for 7 days.',
      access: 'admin',
      params,
      query: deliveryQuery,
      responses: { 200: deliveryPage },
      errors: ['not_found'],
      handle: async ({ scope, params: { id }, query: { state, limit, cursor } }) => {
        if (!(await findWebhook(scope, id))) throw notFound('webhook');
        const which = { ...(state && { state }), ...(cursor !== undefined && { before: BigInt(cursor) }) };
        const rows = await listDeliveries(scope, id, { ...which, limit: limit + 1 });
        const deliveries = rows.slice(0, limit);
        const hasMore = rows.length > limit;
        const last = hasMore ? deliveries.at(-1) : undefined;
        return answer(200, {
          deliveries: deliveries.map(deliveryView),
          next_cursor: last ? String(last.number) : null,
          has_more: hasMore,
        });
      },
    }),
    route({
      method: 'post',
      path: '/v1/webhooks/{id}/test',
      operationId: 'testWebhook',
      tag,
      summary: 'Send the event `webhook.test`, to try the receiver',
      description: 'It is sent within a second or two, once; how it went is in the list of deliveries.',
      access: 'admin',
      params,
      responses: { 202: startedTest },
      errors: ['not_found', 'conflict'],
      handle: async ({ scope, params: { id } }) => {
        const deliveryId = await testWebhook(scope, id);
        if (deliveryId !== undefined) return answer(202, { delivery_id: deliveryId });
        if (!(await findWebhook(scope, id))) throw notFound('webhook');
        throw new ApiError('conflict', 'a test of this webhook is under way');
      },
    }),
    route({
      method: 'post',
      path: '/v1/webhooks/{id}/rotate-secret',
      operationId: 'rotateWebhookSecret',
      tag,
      summary: 'Give a webhook a new secret',
      description: 'For a day, each request is signed with the former one too. The secret is only in this response.',
      access: 'admin',
      params,
      responses: { 200: rotatedSecret },
      errors: ['not_found'],
      handle: async ({ scope, principal, params: { id }, request }) => {
        const secret = await rotateWebhookSecret(scope, id);
        if (secret === undefined) throw notFound('webhook');
        request.log.info(
          { event: 'webhook_secret_rotated', webhookId: id, by: principal.id, organizationId: scope.organizationId },
          'a webhook got a new secret',
        );
        return answer(200, { secret });
      },
    }),
  ];
}

/** @throws ApiError invalid_request */
function receiverUrl(text: string, allowsPrivate: boolean): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const message = url ? whyRefused(url, { allowsPrivate }) : 'must be an http:// or https:// URL';
  if (url && message === undefined) {
    url.hash = '';
    return url.href;
  }
  const fault = { in: 'body', field: 'url', message: message ?? 'must be a URL' } as const;
  throw new ApiError('invalid_request', `url: ${fault.message}`, { errors: [fault] });
}
