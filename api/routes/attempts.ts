import type { Request, Response } from 'express';
import { z } from 'zod';
import { listAttempts, listAttemptsOfTask } from '../../prisma/queries/list-attempts.js';
import { listStoredAttempts } from '../../prisma/queries/list-stored-attempts.js';
import { type AttemptReader, type AttemptReading } from '../attempts/attempt-reader.js';
import { decodeListCursor, encodeListCursor } from '../attempts/list-cursor.js';
import { notFound } from '../problem.js';
import { answer, route, WRITTEN, type Context, type Route } from '../route.js';
import {
  attemptDetail,
  attemptListQuery,
  attemptPage,
  attemptQuery,
  attemptsOfTask,
  storedQuery,
} from '../schemas/attempt.js';
import { storedAttempts } from '../../protocol/stored-attempts.js';
import { uuid } from '../../protocol/uuid.js';
import { attemptView, storedAttemptView } from '../views/attempt.js';
import { writeParts } from '../write-stream.js';

const params = z.strictObject({ id: uuid });
const tag = 'attempts';
const MAX_ATTEMPTS_OF_TASK = 1000;

export function attemptRoutes(reader: AttemptReader): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/nodes/task-attempts/{id}',
      operationId: 'getAttempt',
      tag,
      summary: 'An attempt with its executions, and how complete the hive’s copy is',
      description:
        'If the attempt has a gap and its node is connected, reading it starts a backfill. The response comes at once, ' +
        'or with `wait` when the backfill has ended or the time is up. A complete attempt has an ETag.',
      access: 'viewer',
      params,
      query: attemptQuery,
      responses: { 200: attemptDetail },
      errors: ['not_found'],
      handle: async ({ scope, principal, params: { id }, query: { wait }, request, response, gone }) => {
        const backfill = { waitSeconds: wait ?? 0 };
        const reading = await reader.read({ scope, principal, attemptId: id, request, signal: gone, backfill });
        return sendReading(reading, request, response);
      },
    }),
    route({
      method: 'get',
      path: '/v1/nodes/task-attempts/stored',
      operationId: 'listStoredAttempts',
      tag,
      summary: 'How much the hive has of some attempts',
      description:
        'A node asks this before it prunes attempts. Attempts that the organisation does not have are left out. ' +
        'It starts no backfill.',
      access: 'viewer',
      query: storedQuery,
      responses: { 200: storedAttempts },
      handle: async ({ scope, query: { ids } }) => {
        const rows = await listStoredAttempts(scope, ids);
        return answer(200, { attempts: rows.map(storedAttemptView) });
      },
    }),
    route({
      method: 'get',
      path: '/v1/nodes/task-attempts/by-shared-task/{id}',
      operationId: 'listAttemptsOfTask',
      tag,
      summary: 'The attempts of a shared task, newest first, up to 1,000',
      access: 'viewer',
      params,
      responses: { 200: attemptsOfTask },
      errors: ['not_found'],
      handle: async ({ scope, params: { id } }) => answer(200, await readAttemptsOfTask(scope, id)),
    }),
    route({
      method: 'get',
      path: '/v1/swarm/attempts',
      operationId: 'listAttempts',
      tag,
      summary: 'The organisation’s attempts, newest first',
      description: 'By when the hive learnt of them, so that what an offline node brings late comes first too.',
      access: 'viewer',
      query: attemptListQuery,
      responses: { 200: attemptPage },
      errors: ['invalid_cursor'],
      handle: async ({ scope, query }) => {
        const after = query.cursor === undefined ? undefined : decodeListCursor(query.cursor, query.order);
        const order = after?.order ?? query.order ?? 'arrived';
        const rows = await listAttempts(scope, {
          nodeId: query.node_id,
          syncState: query.sync_state,
          executor: query.executor,
          order,
          after,
          limit: query.limit + 1,
        });
        const page = rows.slice(0, query.limit);
        const last = page.at(-1);
        const hasMore = rows.length > page.length;
        return answer(200, {
          attempts: page.map(attemptView),
          next_cursor: hasMore && last ? encodeListCursor(order, last) : null,
          has_more: hasMore,
        });
      },
    }),
  ];
}

/** @throws ApiError not_found */
export async function readAttemptsOfTask(scope: Context<'viewer'>['scope'], sharedTaskId: string) {
  const attempts = await listAttemptsOfTask(scope, sharedTaskId, MAX_ATTEMPTS_OF_TASK);
  if (attempts.length === 0) throw notFound('shared task');
  return { attempts: attempts.map(attemptView) };
}

/** Sends an attempt that was read, or 304 if the client already has it. */
export async function sendReading(reading: AttemptReading, request: Request, response: Response) {
  if (reading.etag !== null) {
    response.set({ etag: reading.etag, 'cache-control': 'private, no-cache', vary: 'authorization' });
    if (request.fresh) {
      response.status(304).end();
      return WRITTEN;
    }
  }
  response.status(200).type('application/json');
  if (request.method === 'HEAD') response.end();
  else await writeParts(response, reading.json());
  return WRITTEN;
}
