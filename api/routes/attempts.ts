import type { Request, Response } from 'express';
import { z } from 'zod';
import { countAttempts } from '../../prisma/queries/count-attempts.js';
import { listAttempts, listAttemptsOfTask } from '../../prisma/queries/list-attempts.js';
import { listStoredAttempts } from '../../prisma/queries/list-stored-attempts.js';
import { type AttemptReader, type AttemptReading } from '../attempts/attempt-reader.js';
import { decodeListCursor, encodeListCursor } from '../attempts/list-cursor.js';
import type { CatchUp } from '../feed/catch-up.js';
import { answerNotModified, weakEntityTag } from '../conditional.js';
import { notFound } from '../problem.js';
import { answer, route, WRITTEN, type Context, type Route } from '../route.js';
import {
  attemptCountQuery,
  attemptCounts,
  attemptDetail,
  attemptFilterOf,
  attemptListQuery,
  attemptPage,
  attemptQuery,
  attemptsOfTask,
  storedQuery,
} from '../schemas/attempt.js';
import { storedAttempts } from '../../protocol/stored-attempts.js';
import { uuid } from '../../protocol/uuid.js';
import { attemptView, countsView, storedAttemptView } from '../views/attempt.js';
import { writeParts } from '../write-stream.js';

const params = z.strictObject({ id: uuid });
const tag = 'attempts';
const MAX_ATTEMPTS_OF_TASK = 1000;
/** A longer answer about an attempt that is not complete is sent as it is made, without an entity tag. */
const MAX_TAGGED_CHARACTERS = 256 * 1024;

export function attemptRoutes(reader: AttemptReader, catchUp: CatchUp): Route[] {
  return [
    getAttempt(reader, '/v1/swarm/attempts/{id}', 'getAttempt'),
    getAttempt(reader, '/v1/nodes/task-attempts/{id}', 'getTaskAttempt'),
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
        await catchUp.now();
        const rows = await listAttempts(scope, {
          ...attemptFilterOf(query),
          order,
          after,
          skip: query.skip,
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
    route({
      method: 'get',
      path: '/v1/swarm/attempts/counts',
      operationId: 'countAttempts',
      tag,
      summary: 'How many attempts there are, by status and by state',
      description: 'With the filters of the list; cheap without any.',
      access: 'viewer',
      query: attemptCountQuery,
      responses: { 200: attemptCounts },
      handle: async ({ scope, query }) => {
        await catchUp.now();
        return answer(200, countsView(await countAttempts(scope, attemptFilterOf(query))));
      },
    }),
  ];
}

/** The same attempt, found where the list of attempts is, or by the path that the original hive has for it. */
function getAttempt(reader: AttemptReader, path: string, operationId: string): Route {
  const isOwnName = path.startsWith('/v1/swarm/');
  return route({
    method: 'get',
    path,
    operationId,
    tag,
    summary: isOwnName
      ? 'An attempt with its executions, and how complete the hive’s copy is'
      : 'Same as GET /v1/swarm/attempts/{id}, under its former name',
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
  });
}

/** @throws ApiError not_found */
export async function readAttemptsOfTask(scope: Context<'viewer'>['scope'], sharedTaskId: string) {
  const attempts = await listAttemptsOfTask(scope, sharedTaskId, MAX_ATTEMPTS_OF_TASK);
  if (attempts.length === 0) throw notFound('shared task');
  return { attempts: attempts.map(attemptView) };
}

/** Sends an attempt that was read, or 304 if the client already has it. */
export async function sendReading(reading: AttemptReading, request: Request, response: Response) {
  if (reading.etag !== null && answerNotModified(request, response, reading.etag)) return WRITTEN;
  const parts = reading.json();
  const { text, isWhole } = await beginningOf(parts);
  if (reading.etag === null && isWhole && answerNotModified(request, response, weakEntityTag(text))) return WRITTEN;
  response.status(200).type('application/json');
  if (isWhole) response.send(text);
  else if (request.method === 'HEAD') response.end();
  else await writeParts(response, startingWith(text, parts));
  return WRITTEN;
}

/** @returns the first parts; if they are all there are, they are short enough to be kept for an entity tag */
async function beginningOf(parts: AsyncGenerator<string>): Promise<{ text: string; isWhole: boolean }> {
  let text = '';
  while (text.length < MAX_TAGGED_CHARACTERS) {
    const next = await parts.next();
    if (next.done) return { text, isWhole: true };
    text += next.value;
  }
  return { text, isWhole: false };
}

async function* startingWith(text: string, rest: AsyncGenerator<string>): AsyncGenerator<string> {
  yield text;
  yield* rest;
}
