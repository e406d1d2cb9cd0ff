import { z } from 'zod';
import type { OrganizationScope } from '../../prisma/organization-scope.js';
import { findAttemptState } from '../../prisma/queries/find-attempt.js';
import { listBackfilledAttempts } from '../../prisma/queries/list-backfilled-attempts.js';
import type { AttemptRef } from '../../backfills/definitions.js';
import { PageTokenError } from '../../backfills/page-token.js';
import type { AppDependencies } from '../dependencies.js';
import { ApiError, invalidCursor, notFound } from '../problem.js';
import { answer, route, type Route } from '../route.js';
import { backfill, backfillPage, backfillQuery, startBackfill, startedBackfill } from '../schemas/backfill.js';
import { uuid } from '../../protocol/uuid.js';
import { backfillView, listedBackfillView, workflowUrlFor } from '../views/backfill.js';

const tag = 'backfills';
const attemptParams = z.strictObject({ attempt_id: uuid });

export function backfillRoutes({ backfills, workflowUrl }: AppDependencies): Route[] {
  return [
    route({
      method: 'post',
      path: '/v1/swarm/attempts/{id}/backfill',
      operationId: 'startBackfill',
      tag,
      summary: 'Start a backfill of an attempt, or join the one that is running',
      description:
        'Also after a cancel, for a complete attempt, and while the node is away: the backfill waits for it.',
      access: 'admin',
      params: z.strictObject({ id: uuid }),
      body: startBackfill,
      responses: { 202: startedBackfill },
      errors: ['not_found', 'temporal_unavailable'],
      handle: async ({ scope, params: { id }, body: { type } }) => {
        const attempt = await attemptRef(scope, id);
        const { workflowId, runId, joined } = await backfills.start(scope, attempt, type);
        return answer(202, { workflow_id: workflowId, run_id: runId, joined });
      },
    }),
    route({
      method: 'get',
      path: '/v1/backfills',
      operationId: 'listBackfills',
      tag,
      summary: 'The organisation’s backfills, newest first',
      description:
        'From Temporal’s visibility store, which lags by about a second and keeps backfills for its retention period, together ' +
        'with what the hive has of their attempts now.',
      access: 'viewer',
      query: backfillQuery,
      responses: { 200: backfillPage },
      errors: ['invalid_cursor', 'temporal_unavailable'],
      handle: async ({ scope, principal, query, request }) => {
        const filter = {
          nodeId: query.node_id,
          attemptId: query.attempt_id,
          status: query.status,
          limit: query.limit,
          pageToken: query.cursor === undefined ? undefined : decodeToken(query.cursor),
        };
        const listing = await backfills.list(scope, filter).catch((error: unknown) => {
          throw error instanceof PageTokenError ? invalidCursor() : error;
        });
        const attempts = await listBackfilledAttempts(scope, [
          ...new Set(listing.backfills.map((item) => item.attemptId)),
        ]);
        const urlFor = workflowUrlFor(principal, workflowUrl, request);
        return answer(200, {
          backfills: listing.backfills.map((item) => listedBackfillView(item, urlFor, attempts.get(item.attemptId))),
          next_cursor: listing.nextPageToken?.toString('base64url') ?? null,
          has_more: listing.nextPageToken !== null,
        });
      },
    }),
    route({
      method: 'get',
      path: '/v1/backfills/{attempt_id}',
      operationId: 'getBackfill',
      tag,
      summary: 'The newest backfill of an attempt, with its progress',
      access: 'viewer',
      params: attemptParams,
      responses: { 200: backfill },
      errors: ['not_found', 'temporal_unavailable'],
      handle: async ({ scope, principal, params: { attempt_id: attemptId }, request }) => {
        const described = await backfills.describe(await attemptRef(scope, attemptId));
        if (!described) throw notFound('backfill');
        return answer(200, backfillView(described, workflowUrlFor(principal, workflowUrl, request)));
      },
    }),
    route({
      method: 'post',
      path: '/v1/backfills/{attempt_id}/cancel',
      operationId: 'cancelBackfill',
      tag,
      summary: 'Cancel the backfill of an attempt',
      description: 'No other backfill of the attempt starts by itself until someone starts one. Stored lines stay.',
      access: 'admin',
      params: attemptParams,
      responses: { 204: { description: 'The cancellation has been requested.' } },
      errors: ['not_found', 'conflict', 'temporal_unavailable'],
      handle: async ({ scope, params: { attempt_id: attemptId } }) => {
        await attemptRef(scope, attemptId);
        if (!(await backfills.cancel(scope, attemptId))) {
          throw new ApiError('conflict', 'no backfill of this attempt is running');
        }
        return answer(204);
      },
    }),
  ];
}

/** @throws ApiError not_found */
async function attemptRef(scope: OrganizationScope, attemptId: string): Promise<AttemptRef> {
  const state = await findAttemptState(scope, attemptId);
  if (!state) throw notFound('task attempt');
  return { attemptId, nodeId: state.nodeId, organizationId: scope.organizationId };
}

function decodeToken(cursor: string): Buffer {
  const token = Buffer.from(cursor, 'base64url');
  if (token.length === 0 || token.toString('base64url') !== cursor) throw invalidCursor();
  return token;
}
