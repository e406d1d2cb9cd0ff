/** The same reads under the original hive's paths, for its nodes and clients. */
import { z } from 'zod';
import { listNodes } from '../../prisma/queries/list-nodes.js';
import type { AttemptReader } from '../attempts/attempt-reader.js';
import { encodeEntries, readLogPage } from '../logs/log-reader.js';
import { answer, route, type Route } from '../route.js';
import { attemptDetail, attemptsOfTask } from '../schemas/attempt.js';
import { uuid } from '../../protocol/uuid.js';
import { syncLogPage, syncLogQuery, type SyncLogPage } from '../schemas/log.js';
import { originalQuery } from '../schemas/common.js';
import { nodeList } from '../schemas/node.js';
import { nodeView } from '../views/node.js';
import { readAttemptsOfTask, sendReading } from './attempts.js';

const tag = 'original names';
const params = z.strictObject({ id: uuid });

export function originalNameRoutes(attempts: AttemptReader): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/sync/nodes',
      operationId: 'syncNodes',
      tag,
      summary: 'Same as GET /v1/nodes',
      access: 'viewer',
      query: originalQuery,
      responses: { 200: nodeList },
      errors: ['forbidden'],
      handle: async ({ scope }) => answer(200, (await listNodes(scope)).map(nodeView)),
    }),
    route({
      method: 'get',
      path: '/v1/sync/swarm/attempts/{id}',
      operationId: 'syncAttempt',
      tag,
      summary: 'Same as GET /v1/swarm/attempts/{id}, but without starting a backfill',
      access: 'viewer',
      params,
      query: originalQuery,
      responses: { 200: attemptDetail },
      errors: ['forbidden', 'not_found'],
      handle: async ({ scope, principal, params: { id }, request, response, gone }) =>
        sendReading(await attempts.read({ scope, principal, attemptId: id, request, signal: gone }), request, response),
    }),
    route({
      method: 'get',
      path: '/v1/sync/swarm/attempts/{id}/logs',
      operationId: 'syncLogs',
      tag,
      summary: 'Same as GET /v1/swarm/attempts/{id}/logs, but newest first by default, with entry ids as cursors',
      access: 'viewer',
      params,
      query: syncLogQuery,
      responses: { 200: syncLogPage },
      errors: ['forbidden', 'not_found', 'log_damaged'],
      handle: async ({ scope, params: { id }, query }) => {
        const { limit, direction } = query;
        const cursor = query.cursor === undefined ? undefined : String(query.cursor);
        const read = { limit: Math.max(limit, 1), direction, cursor, filter: {} };
        const { entries, lastId, hasMore, totalCount } = await readLogPage(scope, id, read);
        if (limit < 1) {
          // the original asks its database for one row more than the limit, so for -1 any number of rows is more
          const isMore = limit === 0 ? entries.length > 0 || hasMore : totalCount > 0;
          return answer(
            200,
            encodeEntries<SyncLogPage>([], { next_cursor: null, has_more: isMore, total_count: totalCount }),
          );
        }
        const rest = { next_cursor: hasMore ? lastId : null, has_more: hasMore, total_count: totalCount };
        return answer(200, encodeEntries<SyncLogPage>(entries, rest));
      },
    }),
    route({
      method: 'get',
      path: '/v1/sync/swarm/tasks/{id}/attempts',
      operationId: 'syncAttemptsOfTask',
      tag,
      summary: 'Same as GET /v1/nodes/task-attempts/by-shared-task/{id}',
      access: 'viewer',
      params,
      query: originalQuery,
      responses: { 200: attemptsOfTask },
      errors: ['forbidden', 'not_found'],
      handle: async ({ scope, params: { id } }) => answer(200, await readAttemptsOfTask(scope, id)),
    }),
  ];
}
